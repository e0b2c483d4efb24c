// The plan. Worked out here, and stored here only if the person ticks the box.

import { save } from "./words.js";

const KEY = "guide-plan";
const LEAST = 60; // days, by convention
const DAY = 86_400_000; // milliseconds
const EXCEPTIONS = {
  children: ["Our children", "/read/articles/children-together"],
  work: ["Work or study", "/read/articles/same-office-or-class"],
  things: ["Home, money, belongings", "/read/articles/home-money-pets-friends"],
};

export function workOut({ start, gap, unit }, today) {
  const begun = Date.parse(start); // midnight in UTC, like today: summer time moves nothing
  if (Number.isNaN(begun)) return null;
  const longest = Math.max(0, Math.floor(Number(gap) || 0)) * Number(unit || 1);
  const goal = Math.max(LEAST, longest + 1);
  return { days: Math.round((today - begun) / DAY), goal, date: new Date(begun + goal * DAY), isLonger: goal > LEAST };
}

export function usePlan(form, root) {
  const shows = root.querySelector(".plan-shows");
  const said = root.querySelector(".plan-said");
  fill(form, readStored());
  const refresh = () => {
    const plan = read(form);
    store(plan);
    render(shows, plan);
  };
  form.addEventListener("input", refresh);
  form.addEventListener("submit", (event) => event.preventDefault());
  root.querySelector("[data-do=export-plan]").addEventListener("click", () => {
    save("plan.md", describe(read(form)));
    said.textContent = "Saved as plan.md.";
  });
  root.querySelector("[data-do=delete-plan]").addEventListener("click", () => {
    form.reset();
    refresh();
    said.textContent = "Deleted. Nothing of it is left on this device.";
  });
  refresh();
}

function read(form) {
  const data = new FormData(form);
  return {
    start: data.get("start"), gap: data.get("gap"), unit: data.get("unit"),
    except: data.getAll("except"), keep: data.has("keep"),
  };
}

function readStored() {
  try {
    return JSON.parse(localStorage.getItem(KEY));
  } catch {
    return null;
  }
}

function store(plan) {
  try {
    if (plan.keep) localStorage.setItem(KEY, JSON.stringify(plan));
    else localStorage.removeItem(KEY);
  } catch {
    // a browser that allows no storage keeps no plan
  }
}

function fill(form, plan) {
  if (!plan || typeof plan !== "object") return;
  for (const name of ["start", "gap", "unit"]) form.elements[name].value = plan[name] ?? "";
  for (const box of form.querySelectorAll("[name=except]")) box.checked = plan.except?.includes?.(box.value) ?? false;
  form.elements.keep.checked = true;
}

function today() {
  const now = new Date();
  return Date.UTC(now.getFullYear(), now.getMonth(), now.getDate());
}

function day(date) {
  return date.toLocaleDateString(undefined, { dateStyle: "long", timeZone: "UTC" });
}

function sentences(plan) {
  const found = workOut(plan, today());
  if (!found) return null;
  const days = found.days;
  const first = days < 0 ? `It begins in ${-days} ${days === -1 ? "day" : "days"}.`
    : days === 0 ? "It begins today."
      : `${days} ${days === 1 ? "day" : "days"} since contact stopped.`;
  const why = found.isLonger ? "one day longer than your longest gap before" : "about sixty days";
  const second = days < found.goal
    ? `First date to look at: ${day(found.date)}, ${why}.`
    : `Your first date, ${day(found.date)}, is behind you. Look at the signs below.`;
  return [first, second];
}

function render(shows, plan) {
  const told = sentences(plan);
  shows.hidden = !told;
  if (!told) return;
  [shows.querySelector(".plan-days").textContent, shows.querySelector(".plan-goal").textContent] = told;
  const list = document.createElement("ul");
  for (const key of plan.except) {
    if (!EXCEPTIONS[key]) continue;
    const link = Object.assign(document.createElement("a"), { href: EXCEPTIONS[key][1], textContent: EXCEPTIONS[key][0] });
    const item = document.createElement("li");
    item.append(link, ": short, friendly, and only about that.");
    list.append(item);
  }
  const title = Object.assign(document.createElement("p"), { textContent: "What stays allowed:" });
  shows.querySelector(".plan-exceptions").replaceChildren(...(list.children.length ? [title, list] : []));
}

function describe(plan) {
  const told = sentences(plan) ?? ["No date yet."];
  const allowed = plan.except.map((key) => `- ${EXCEPTIONS[key]?.[0] ?? key}`);
  return ["# My plan", "", ...(plan.start ? [`Contact stopped on ${plan.start}.`] : []), ...told, "",
    ...(allowed.length ? ["What stays allowed:", "", ...allowed, ""] : []),
    "If there was contact after all: one message is one message. Go on from today.", ""].join("\n");
}
