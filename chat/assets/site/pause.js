// The pause: one step at a time, and ten quiet minutes that can be skipped. Nothing here asks the server for anything.

import { announce } from "./words.js";

let end = 0; // when the minutes are over, in milliseconds; 0 while none run
let clock = 0;

export function usePause(pause) {
  const steps = [...pause.querySelectorAll(".step")];
  const [back, next] = ["back", "next"].map((name) => pause.querySelector(`[data-do=${name}]`));
  const minutes = Number(pause.dataset.minutes);
  let at = 0;

  const show = (place, move = true) => {
    at = Math.max(0, Math.min(place, steps.length - 1));
    steps.forEach((step, number) => { step.hidden = number !== at; });
    back.disabled = at === 0;
    next.hidden = at === steps.length - 1;
    if (!move) return;
    steps[at].querySelector("h2").focus({ preventScroll: true });
    (pause.closest(".sheet-body") ?? document.scrollingElement).scrollTop = 0; // each step from its beginning
  };
  const begin = () => {
    end = Date.now() + minutes * 60_000;
    clearInterval(clock);
    clock = setInterval(tick, 1000);
    tick();
  };
  const tick = () => {
    const left = Math.ceil((end - Date.now()) / 60_000);
    const isOver = end === 0 || left <= 0;
    pause.classList.toggle("waiting", !isOver);
    pause.querySelector(".clock").hidden = isOver;
    pause.querySelector(".begin").hidden = !isOver;
    pause.querySelector(".left").textContent = left > 1 ? `${left} minutes left` : "Less than a minute left";
    if (isOver && clock) stop();
  };
  const stop = () => {
    clearInterval(clock);
    if (end && Date.now() >= end) announce("The ten minutes have passed.");
    clock = 0;
    end = 0;
    tick();
  };

  pause.classList.add("stepwise");
  pause.querySelector(".steps").hidden = false;
  pause.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    const name = button?.dataset.do;
    if (name === "next") show(at + 1);
    if (name === "back") show(at - 1);
    if (name === "begin") begin();
    if (name === "skip") {
      stop();
      show(at);
    }
    if (name === "again") {
      show(1);
      begin();
    }
  });
  show(0, false);
  tick();
}

export function useUnsent(root) {
  const field = root.querySelector("[data-unsent]");
  root.addEventListener("click", (event) => {
    if (!event.target.closest("[data-do=let-go]")) return;
    const hadWords = field.value !== "";
    field.value = "";
    root.querySelector(".gone").textContent = hadWords
      ? "It is gone. Nobody has read it, and it is nowhere any more."
      : "There was nothing to let go of.";
    field.focus();
  });
  addEventListener("pagehide", () => { field.value = ""; }); // nothing for a browser to bring back
}
