// Every page: the way out, and what the page does with a script. The window has more: see talk.js.

import "./leave.js";
import { enhance } from "./enhance.js";
import { startFramed } from "./framed.js";
import { startTalk } from "./talk.js";

startFramed();
if (document.querySelector("gradio-app")) startTalk();
else enhance(document);

document.addEventListener("click", (event) => {
  const menu = document.querySelector("details.menu[open]");
  if (menu && !menu.contains(event.target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  const menu = document.querySelector("details.menu[open]");
  if (event.key !== "Escape" || !menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
