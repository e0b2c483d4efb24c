// Small things that several parts use: telling a screen reader, copying, and saving a file.

export function announce(words) {
  const place = document.getElementById("announcer");
  place.textContent = "";
  setTimeout(() => { place.textContent = words; }, 50); // so that the same words twice are read twice
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyTheOldWay(text); // without https there is no clipboard to write to
  }
}

function copyTheOldWay(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.style.position = "fixed";
  field.style.opacity = "0";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done;
}

export function save(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/markdown;charset=utf-8" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

export function isCalm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

export function bringIntoView(element) {
  element.scrollIntoView({ behavior: isCalm() ? "auto" : "smooth", block: "start" });
}

// A word on a button for a moment, and the same for a screen reader.
export function confirmOn(button, words) {
  const before = button.dataset.before ?? button.textContent;
  button.dataset.before = before;
  button.textContent = words;
  announce(words);
  setTimeout(() => { button.textContent = before; }, 2000);
}
