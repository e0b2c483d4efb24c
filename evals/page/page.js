// Filters the cases, and opens the one that the address names.
const cases = [...document.querySelectorAll("details.case")];
const search = document.querySelector("#search");
const kind = document.querySelector("#kind");
const shown = document.querySelector("#shown");
let cell = null;

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const one of cases) {
    const text = one.dataset.text ?? (one.dataset.text = one.textContent.toLowerCase());
    const fits = (!kind.value || one.dataset.part === kind.value || one.dataset.flip === kind.value)
      && (!cell || (one.dataset.topic === cell.topic && one.dataset.style === cell.style))
      && words.every((word) => text.includes(word));
    one.hidden = !fits;
    count += fits;
  }
  for (const group of document.querySelectorAll("section.group")) {
    group.hidden = !group.querySelector("details.case:not([hidden])");
  }
  const where = cell ? ` on ${cell.topic}, ${cell.style}` : "";
  shown.textContent = `${count} of ${cases.length} cases shown${where}`;
}

function open() {
  const one = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (one && one.matches("details")) {
    one.hidden = false;
    one.closest("section").hidden = false;
    one.open = true;
    one.scrollIntoView();
    one.querySelector("summary").focus({ preventScroll: true });
  }
}

for (const link of document.querySelectorAll(".heat a")) {
  link.addEventListener("click", () => {
    cell = { topic: link.dataset.topic, style: link.dataset.style };
    kind.value = "answerable";
    search.value = "";
    filter();
  });
}
search.addEventListener("input", filter);
kind.addEventListener("change", () => { cell = null; filter(); });
document.querySelector("#all").addEventListener("click", () => {
  cell = null; kind.value = ""; search.value = ""; filter();
});
addEventListener("hashchange", open);
filter();
open();
