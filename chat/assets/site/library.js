// The list of everything, narrowed down while somebody types. Nothing is asked of the server.

export function useLibrary(box, root) {
  const entries = [...root.querySelectorAll(".entry")];
  const told = root.querySelector("#narrowed");
  box.closest(".narrow").hidden = false;
  box.addEventListener("input", () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const entry of entries) {
      const text = entry.textContent.toLowerCase();
      entry.hidden = !words.every((word) => text.includes(word));
      if (!entry.hidden) found += 1;
      const folded = entry.querySelector("details");
      if (!folded) continue;
      for (const item of folded.querySelectorAll("li")) {
        item.classList.toggle("found", words.length > 0 && words.every((word) => item.textContent.toLowerCase().includes(word)));
      }
      folded.open = folded.querySelector(".found") !== null;
    }
    for (const shelf of root.querySelectorAll(".shelf")) shelf.hidden = !shelf.querySelector(".entry:not([hidden])");
    told.textContent = words.length ? `${found} of ${entries.length} texts` : "";
  });
}
