// The conversation: names for screen readers, sources, copying, and what happens when the server cannot be reached.

import { announce, bringIntoView, confirmOn, copy, save } from "./words.js";
import { listen, openSheet } from "./sheet.js";

const PHONE = "(max-width: 767px)";
const STASH = "for-a-moment"; // the conversation, while the page is loaded again after a lost connection
const STASH_LASTS = 10 * 60_000; // milliseconds
const LOST = "The guide cannot be reached right now. What you wrote is still in the box, and nothing is lost. "
  + "It tries again by itself. If you are in danger, do not wait for it: ring your emergency number.";
const REFUSED = "Your question did not get through: too much is going on at once, or something broke. What you wrote is still "
  + "in the box; please send it again in a moment. If you are in danger, do not wait for it: ring your emergency number.";

export function startTalk() {
  listen(ask);
  document.addEventListener("click", press, true);
  document.addEventListener("keydown", pressKey, true);
  watchConnection();
  new MutationObserver(look).observe(document.querySelector("gradio-app"), { childList: true, subtree: true });
}

// ---- asking

const box = () => document.querySelector("#box textarea");
const held = () => document.querySelector("#held textarea");

// As if the words were typed. The toolkit takes the value at "input" and tells the server at "keypress".
function write(field, words) {
  field.value = words;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.dispatchEvent(new KeyboardEvent("keypress", { bubbles: true }));
}

function ask(question) {
  write(box(), question);
  setTimeout(() => document.querySelector("#box button.submit-button")?.click(), 50);
}

// While a word is being composed (Japanese, Chinese, Korean), Enter chooses it and must not send.
function pressKey(event) {
  if (event.key !== "Enter") return;
  if (event.isComposing || event.keyCode === 229) event.stopPropagation();
  else if (event.target === box() && !event.shiftKey && box().value.trim()) setBusy(true);
}

// ---- pressing

function press(event) {
  const target = event.target instanceof Element ? event.target : null;
  const link = target?.closest("a[href]");
  if (link && /^(tel|sms):/.test(link.getAttribute("href"))) link.removeAttribute("target"); // a call needs no new tab
  const place = link && /^#((source|reply)-[\d-]+)$/.exec(link.getAttribute("href"));
  if (place) {
    event.preventDefault();
    event.stopPropagation();
    goTo(place[1], link);
  }
  const button = target?.closest("button");
  if (button?.closest("#chips, #box") && (button.closest("#chips") || box().value.trim())) setBusy(true);
  if (button?.classList.contains("copy-answer")) copyAnswer(button);
  if (button?.classList.contains("copy-talk")) copyAll(button);
  if (button?.classList.contains("save-talk")) save("conversation.md", transcript());
}

// A link to a source opens it in a drawer on a phone, and beside the answer on a larger screen.
function goTo(id, link) {
  const target = document.getElementById(id);
  if (!target) return;
  if (id.startsWith("source-") && matchMedia(PHONE).matches) {
    const shown = target.cloneNode(true);
    for (const part of [shown, ...shown.querySelectorAll("[id]")]) part.removeAttribute("id");
    shown.querySelector(".back")?.remove();
    openSheet(shown, { title: link.getAttribute("aria-label") ?? link.title, drawer: true });
    return;
  }
  const folded = target.closest("details");
  if (folded) folded.open = true;
  target.setAttribute("tabindex", "-1");
  target.focus({ preventScroll: true });
  bringIntoView(target);
}

// ---- copying and saving

function exchanges() {
  try {
    return JSON.parse(held().value);
  } catch {
    return [];
  }
}

function transcript() {
  const told = exchanges().flatMap(({ question, record }) => [`## ${question.replace(/\s+/g, " ")}`, "", record, ""]);
  return ["# Conversation with the no-contact guide", "", ...told].join("\n");
}

async function copyAnswer(button) {
  const turn = Number(button.closest(".reply").id.replace("reply-", ""));
  confirmOn(button, (await copy(exchanges().find((one) => one.turn === turn)?.record ?? "")) ? "Copied" : "Copying is not allowed here");
}

async function copyAll(button) {
  confirmOn(button, (await copy(transcript())) ? "Copied" : "Copying is not allowed here");
}

// ---- after every change

let seen = "";
let isNew = false; // whether there is a reply that was not told yet
let timer = 0;
let isReady = false;

function look() {
  for (const message of document.querySelectorAll("#chat [data-testid=user], #chat [data-testid=bot]")) {
    message.setAttribute("aria-label", message.dataset.testid === "user" ? "You wrote" : "The guide");
  }
  for (const link of document.querySelectorAll("#chat sup a:not([aria-label])")) {
    link.setAttribute("aria-label", link.title);
  }
  document.querySelector("#chat [role=log][aria-live=polite]")?.setAttribute("aria-live", "off"); // announced below, once
  document.querySelector("#box textarea:not([dir=auto])")?.setAttribute("dir", "auto");
  begin();
  const questions = document.querySelectorAll("#chat .user-row");
  const isWaiting = document.querySelector("#chat .waiting") !== null;
  const now = `${questions.length} ${isWaiting}`;
  if (now === seen) return;
  if (!isWaiting && questions.length) {
    setBusy(false);
    wasLost = told === LOST;
    isNew = true;
  }
  seen = now;
  clearTimeout(timer);
  timer = setTimeout(() => settle(questions), 80);
}

// Once the page has come to rest: the last question goes to the top of the view, and the answer is told once.
function settle(questions) {
  if (questions.length) bringIntoView(questions[questions.length - 1]);
  if (isNew) document.getElementById("side").scrollTop = 0; // its sources stand first
  const shown = document.querySelectorAll("#chat .reply");
  if (isNew && shown.length) announce(`The guide: ${plainWords(shown[shown.length - 1])}`);
  isNew = false;
}

function plainWords(reply) {
  const copyOfIt = reply.cloneNode(true);
  for (const part of copyOfIt.querySelectorAll("sup, .cited, .tools")) part.remove();
  for (const part of copyOfIt.querySelectorAll("p, li")) part.append(" ");
  return copyOfIt.textContent.replace(/[\u2060\s]+/g, " ").trim();
}

// ---- beginning: a question in the address, or a conversation that had to wait for the server

function begin() {
  if (isReady || !box() || !held() || !document.querySelector("#lines .helplines")) return; // the server has answered once
  isReady = true;
  const question = new URLSearchParams(location.search).get("q");
  if (question) {
    history.replaceState(null, "", "/"); // no words stay in the address
    ask(question);
  }
  const stash = takeStash();
  if (!stash) return;
  if (stash.held !== "[]") write(held(), stash.held);
  if (stash.typed) write(box(), stash.typed);
}

function takeStash() {
  try {
    const found = JSON.parse(sessionStorage.getItem(STASH));
    sessionStorage.removeItem(STASH);
    return found && Date.now() - found.at < STASH_LASTS ? found : null;
  } catch {
    return null;
  }
}

// ---- a lost connection

let told = ""; // the trouble that the notice tells of
let wasLost = false; // whether the server was away since the last reply

function watchConnection() {
  const ask = window.fetch;
  window.fetch = async (...request) => {
    const address = String(request[0]?.url ?? request[0]);
    const isGuide = address.includes("/gradio_api/");
    const isQuestion = address.includes("/queue/join");
    try {
      const answer = await ask(...request);
      if (isGuide && answer.ok && (isQuestion || told !== REFUSED)) tell("");
      if (isGuide && answer.status >= 500) tell(REFUSED); // the toolkit's queue is full, or the server failed
      return answer;
    } catch (error) {
      if (isGuide && error.name !== "AbortError") tell(LOST);
      throw error;
    }
  };
  const stash = () => {
    if (!wasLost || !box()) return;
    const words = JSON.stringify({ at: Date.now(), held: held().value, typed: box().value });
    try {
      sessionStorage.setItem(STASH, words);
    } catch {
      // without storage, the words stay until the page is loaded again
    }
  };
  // The toolkit loads the page again when the server is back. Only then, and not when the tab is closed.
  if (window.navigation) navigation.addEventListener("navigate", (event) => event.navigationType === "reload" && stash());
  else addEventListener("pagehide", stash);
}

function setBusy(isBusy) {
  document.querySelector("#box")?.setAttribute("aria-busy", String(isBusy));
}

function tell(trouble) {
  if (trouble) setBusy(false);
  if (trouble === told) return;
  told = trouble;
  wasLost ||= trouble === LOST;
  document.getElementById("notice").textContent = trouble;
}
