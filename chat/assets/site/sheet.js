// In the window, the other pages open in a sheet above the conversation, so that it is not lost.
// The sheet adds nothing to the browser's history.

import { enhance } from "./enhance.js";

const OWN = /^\/(read|plan|helplines|pause|unsent|privacy|about-the-screen|how-it-works)(\/|$)(?!.*\.pdf$)/; // a PDF gets a tab of its own
const kept = new Map(); // the pause and the letter stay as they are until the page is closed

let sheet = null;

export function openSheet(content, { title, drawer = false, pause = false } = {}) {
  sheet ??= makeSheet();
  sheet.classList.toggle("drawer", drawer);
  sheet.classList.toggle("without-urge", pause);
  const body = sheet.querySelector(".sheet-body");
  body.replaceChildren(content);
  sheet.setAttribute("aria-label", title ?? content.querySelector("h1, h2")?.textContent ?? "");
  if (!sheet.open) sheet.showModal();
  body.scrollTop = 0;
  body.focus({ preventScroll: true });
}

export function closeSheet() {
  sheet?.close();
}

export async function openPage(address) {
  const url = new URL(address, location.href);
  const isPause = url.pathname === "/pause";
  let content = kept.get(url.pathname);
  if (!content) {
    content = isPause ? document.getElementById("pause-page").content.cloneNode(true).firstElementChild : await fetchPage(url);
    if (!content) {
      location.assign(url);
      return;
    }
    enhance(content);
    if (isPause || url.pathname === "/unsent") kept.set(url.pathname, content);
  }
  openSheet(content, { pause: isPause });
  goTo(url.hash);
}

async function fetchPage(url) {
  try {
    const answer = await fetch(url.pathname + url.search);
    if (!answer.ok) return null;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return document.importNode(page.querySelector("main .page"), true);
  } catch {
    return null;
  }
}

function goTo(hash) {
  const target = hash.length > 1 && sheet.querySelector(`[id="${CSS.escape(decodeURIComponent(hash.slice(1)))}"]`);
  if (!target) return;
  target.scrollIntoView({ block: "start" });
  target.setAttribute("tabindex", "-1");
  target.focus({ preventScroll: true });
}

function makeSheet() {
  const made = document.createElement("dialog");
  made.className = "sheet";
  const bar = document.createElement("div");
  bar.className = "sheet-bar";
  const close = document.createElement("button");
  close.type = "button";
  close.className = "quiet close";
  close.textContent = "Close";
  close.addEventListener("click", () => made.close());
  bar.append(close, ...["urge", "leave"].map((name) => document.querySelector(`#bar a.${name}`).cloneNode(true)));
  const body = document.createElement("div");
  body.className = "sheet-body";
  body.tabIndex = -1;
  made.append(bar, body);
  made.addEventListener("click", (event) => { if (event.target === made) made.close(); });
  made.addEventListener("close", () => body.replaceChildren());
  document.body.append(made);
  return made;
}

export function listen(ask) {
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element && event.target.closest("a[href]");
    if (!link || link.target === "_self" || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    const url = new URL(link.href, location.href);
    if (url.origin !== location.origin) return;
    if (link.getAttribute("href").startsWith("#")) {
      if (!sheet?.contains(link)) return;
      event.preventDefault();
      goTo(url.hash);
    } else if (OWN.test(url.pathname)) {
      event.preventDefault();
      event.stopPropagation();
      document.querySelector("details.menu[open]")?.removeAttribute("open");
      openPage(url.href);
    } else if (url.pathname === "/") {
      event.preventDefault();
      closeSheet();
      if (url.searchParams.has("q")) ask(url.searchParams.get("q"));
    }
  }, true);
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!sheet?.contains(form) || form.method !== "get") return;
    event.preventDefault();
    openPage(`${new URL(form.action).pathname}?${new URLSearchParams(new FormData(form))}`);
  });
}
