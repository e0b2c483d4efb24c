// Answers with the kept helplines when there is no network, and otherwise stays out of the way.

const CACHE = "helplines";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  if (event.request.mode === "navigate") {
    event.respondWith(fetch(event.request).catch(() => caches.match("/helplines")));
  } else if (event.request.destination === "style" && event.request.url.includes("/site/")) {
    event.respondWith(caches.match(event.request).then((kept) => kept ?? fetch(event.request)));
  }
});
