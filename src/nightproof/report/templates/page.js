"use strict";
(() => {
  // Every image stands in the page once; what shows it again borrows it, and without scripts the plain ones remain.
  document.documentElement.classList.add("js");
  const borrow = (source, alt) => Object.assign(new Image(), { src: source.src, alt });
  const views = [...document.querySelectorAll(".view")];
  const thumbs = [...document.querySelectorAll(".thumbs button")];
  const show = (index) => {
    views.forEach((view, i) => { view.hidden = i !== index; });
    thumbs.forEach((thumb, i) => thumb.setAttribute("aria-pressed", String(i === index)));
  };
  thumbs.forEach((thumb, i) => {
    thumb.append(borrow(views[i].querySelectorAll(".three img")[1], ""));
    thumb.addEventListener("click", () => show(i));
  });
  views.forEach((view) => {
    const stage = view.querySelector(".stage");
    const range = stage.querySelector("input");
    const images = view.querySelectorAll(".three img");
    const over = borrow(images[1], images[1].alt);
    over.className = "over";
    stage.prepend(borrow(images[0], images[0].alt), over);
    const tag = stage.querySelector(".tag.r");
    range.addEventListener("input", () => stage.style.setProperty("--at", range.value + "%"));
    const buttons = [...view.querySelectorAll("button[data-show]")];
    buttons.forEach((button) => button.addEventListener("click", () => {
      const flip = button.dataset.show === "flip";
      over.src = images[flip ? 2 : 1].src;
      over.alt = images[flip ? 2 : 1].alt;
      tag.textContent = flip ? "FLIP difference" : "asset";
      buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
    }));
  });
})();
