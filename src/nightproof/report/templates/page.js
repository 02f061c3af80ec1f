"use strict";
(() => {
  // Every image stands in the page once; what shows it again borrows it, and without scripts the plain ones remain.
  document.documentElement.classList.add("js");
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const press = (buttons, chosen) => buttons.forEach((it) => it.setAttribute("aria-pressed", String(it === chosen)));
  const borrow = (source, alt) => Object.assign(new Image(), { src: source.src, alt, draggable: false });

  const look = document.querySelector(".look");
  if (look) {
    const views = all(".view", look);
    const modes = all("button[data-mode]", look);
    const chooser = all(".chooser button", look);
    const overs = [];

    const choose = (index) => {
      views.forEach((view, i) => view.classList.toggle("on", i === index));
      press(chooser, chooser[index]);
      const shown = views[index].dataset.view;
      all(".dot").forEach((dot) => dot.classList.toggle("on", shown >= 0 && dot.dataset.view === shown));
    };
    const show = (button) => {
      const mode = button.dataset.mode;
      press(modes, button);
      look.classList.toggle("side", mode === "side");
      overs.forEach(({ over, tag, asset, heat }) => {
        const image = mode === "heat" && heat ? heat : asset;
        over.src = image.src;
        over.alt = image.alt;
        tag.textContent = image === heat ? "FLIP difference" : "asset";
      });
    };

    views.forEach((view, i) => {
      const stage = view.querySelector(".stage");
      const range = stage.querySelector("input");
      const [reference, asset, heat] = all(".three img", view);
      const over = borrow(asset, asset.alt);
      over.className = "over";
      stage.prepend(borrow(reference, reference.alt), over);
      overs.push({ over, tag: stage.querySelector(".tag.r"), asset, heat });
      const name = stage.querySelector(".tag.l").textContent;
      const move = () => {
        stage.style.setProperty("--at", range.value + "%");
        range.setAttribute("aria-valuetext", `${range.value} % ${name}`);
      };
      const follow = (event) => {
        const box = stage.getBoundingClientRect();
        range.value = String(Math.round((100 * (event.clientX - box.left)) / box.width));
        move();
      };
      range.addEventListener("input", move);
      // Some browsers move a range by its thumb only: a finger may begin anywhere.
      stage.addEventListener("pointerdown", (event) => {
        stage.setPointerCapture(event.pointerId);
        follow(event);
      });
      stage.addEventListener("pointermove", (event) => {
        if (stage.hasPointerCapture(event.pointerId)) follow(event);
      });
      if (chooser[i]) {
        chooser[i].querySelector(".thumb").append(borrow(asset, ""));
        chooser[i].addEventListener("click", () => choose(i));
      }
    });
    modes.forEach((button) => button.addEventListener("click", () => show(button)));
    all(".dot.pictured").forEach((dot) => {
      const index = views.findIndex((view) => view.dataset.view === dot.dataset.view);
      if (index >= 0) dot.addEventListener("click", () => choose(index));
    });
    if (views.length) choose(0);
  }

  all("button[data-copy]").forEach((button) => button.addEventListener("click", () => {
    const done = () => { button.textContent = "Copied"; setTimeout(() => { button.textContent = "Copy"; }, 1600); };
    const select = () => getSelection().selectAllChildren(button.parentElement.querySelector("code"));
    if (navigator.clipboard) navigator.clipboard.writeText(button.dataset.copy).then(done, select);
    else select();
  }));
})();
