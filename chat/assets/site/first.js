// Runs before anything is drawn. Somebody who left with "Leave this page" and comes here by "back" is sent on.
(() => {
  const goOn = () => {
    const address = sessionStorage.getItem("left");
    if (!address) return;
    document.documentElement.style.visibility = "hidden";
    location.replace(address);
  };
  try {
    const [arrival] = performance.getEntriesByType("navigation");
    if (arrival && arrival.type === "back_forward") goOn();
    else sessionStorage.removeItem("left");
    addEventListener("pageshow", (event) => event.persisted && goOn());
  } catch {
    // A browser that allows no storage has nothing to look up.
  }
})();
