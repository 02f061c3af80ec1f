"use strict";
(() => {
  const views = [...document.querySelectorAll(".view")];
  const thumbs = [...document.querySelectorAll(".thumbs button")];
  const show = (index) => {
    views.forEach((view, i) => { view.hidden = i !== index; });
    thumbs.forEach((thumb, i) => thumb.setAttribute("aria-pressed", String(i === index)));
  };
  thumbs.forEach((thumb, i) => thumb.addEventListener("click", () => show(i)));
  views.forEach((view) => {
    const stage = view.querySelector(".stage");
    const range = stage.querySelector("input");
    const over = stage.querySelector(".over");
    const tag = stage.querySelector(".tag.r");
    range.addEventListener("input", () => stage.style.setProperty("--at", range.value + "%"));
    const buttons = [...view.querySelectorAll("button[data-show]")];
    buttons.forEach((button) => button.addEventListener("click", () => {
      const images = view.querySelectorAll(".three img");
      const flip = button.dataset.show === "flip";
      over.src = images[flip ? 2 : 1].src;
      tag.textContent = flip ? "FLIP difference" : "asset";
      buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
    }));
  });
})();
