// "Leave this page": by the button, or by pressing Escape three times.

import { isFramed, leaveWhole } from "./framed.js";

const QUICKLY = 1500; // milliseconds in which Escape has to be pressed three times
let presses = [];

export function leave() {
  const address = document.querySelector("a.leave").href;
  document.documentElement.style.visibility = "hidden";
  document.title = "";
  for (const field of document.querySelectorAll("textarea, input")) field.value = "";
  try {
    sessionStorage.clear();
    sessionStorage.setItem("left", address); // first.js reads it when somebody comes "back"
  } catch {
    // without storage, "back" still finds an empty conversation
  }
  if (isFramed) leaveWhole(address);
  location.replace(address); // takes this page's place in the history
}

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element && event.target.closest("a.leave");
  if (!link) return;
  event.preventDefault();
  event.stopPropagation();
  leave();
}, true);

addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.isComposing) return;
  presses = [...presses.filter((moment) => event.timeStamp - moment < QUICKLY), event.timeStamp];
  if (presses.length >= 3) leave();
}, true);
