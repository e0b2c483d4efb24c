// When the guide stands in a frame on another site: its height, its colour, and a way out that leaves the whole page.

export const isFramed = window.parent !== window;

export function startFramed() {
  if (!isFramed) return;
  document.documentElement.classList.add("framed");
  const accent = new URLSearchParams(location.search).get("accent") ?? "";
  if (/^#[0-9a-f]{6}$/i.test(accent) && contrast(accent, "#faf8f5") >= 4.5 && !matchMedia("(prefers-color-scheme: dark)").matches) {
    document.documentElement.style.setProperty("--accent", accent); // a colour that nobody could read is passed over
  }
  let told = 0;
  new ResizeObserver(() => {
    const height = document.documentElement.scrollHeight;
    if (height !== told) window.parent.postMessage({ guideHeight: height }, "*");
    told = height;
  }).observe(document.body);
}

export function leaveWhole(address) {
  window.parent.postMessage({ guideLeave: address }, "*");
}

function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour) {
  const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
}
