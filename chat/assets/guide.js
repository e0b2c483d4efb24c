// "Leave this page" takes the place of this page in the tab's history, so that "back" does not return to it.
// Links to sources scroll there by themselves, so that they leave no entry in the history either.
document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
  if (!link) return;
  const name = link.getAttribute("href");
  if (/^(tel|sms):/.test(name)) link.removeAttribute("target"); // a call needs no new tab
  if (link.classList.contains("leave")) {
    event.preventDefault();
    event.stopPropagation();
    document.documentElement.style.visibility = "hidden";
    window.location.replace(link.href);
  } else if (/^#(source|reply)-[\d-]+$/.test(name)) {
    event.preventDefault();
    event.stopPropagation();
    show(document.getElementById(name.slice(1)));
  }
}, true);

function show(target) {
  if (!target) return;
  const folded = target.closest("details");
  if (folded) folded.open = true;
  target.setAttribute("tabindex", "-1");
  target.focus({ preventScroll: true });
  scroll(target, "start");
}

function scroll(element, block) {
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  element.scrollIntoView({ behavior: calm ? "auto" : "smooth", block });
}

// A new reply is read from its beginning: once the page has come to rest, the question before it goes to the top
// of the view. The names that the toolkit gives to messages repeat their markup, so plain ones take their place.
let shown = "";
let timer = 0;
new MutationObserver(() => {
  for (const message of document.querySelectorAll("#chat [data-testid=user], #chat [data-testid=bot]")) {
    message.setAttribute("aria-label", message.dataset.testid === "user" ? "You wrote" : "The guide");
  }
  const questions = document.querySelectorAll("#chat .user-row");
  const now = `${questions.length} ${document.querySelectorAll("#chat .waiting").length}`;
  if (now === shown) return;
  shown = now;
  clearTimeout(timer);
  timer = setTimeout(() => {
    if (questions.length) scroll(questions[questions.length - 1], "start");
  }, 80);
}).observe(document.documentElement, { childList: true, subtree: true });
