// Helplines for times without a network: kept only when somebody asks for it, and removed by the same button.

const CACHE = "helplines";
const KEEP = "Keep the helplines on this device, for when there is no network";
const REMOVE = "Remove the helplines from this device";

export async function useOffline(offline) {
  if (!("serviceWorker" in navigator) || !("caches" in window)) return;
  const button = offline.querySelector("button");
  const said = offline.querySelector("[role=status]");
  const show = async () => { button.textContent = (await caches.has(CACHE)) ? REMOVE : KEEP; };
  button.addEventListener("click", async () => {
    const isKept = await caches.has(CACHE);
    await (isKept ? remove() : keep());
    await show();
    said.textContent = isKept ? "Removed." : "Kept. Without a network, any page of the guide shows them.";
  });
  await show();
  offline.hidden = false;
}

async function keep() {
  const cache = await caches.open(CACHE);
  const styles = document.querySelector('link[rel=stylesheet][href*="/site/"]').getAttribute("href");
  await cache.addAll(["/helplines", styles]);
  await navigator.serviceWorker.register("/offline.js");
}

async function remove() {
  await caches.delete(CACHE);
  for (const worker of await navigator.serviceWorker.getRegistrations()) await worker.unregister();
}
