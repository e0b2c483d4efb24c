// Puts the guide into a page of another site, in a frame:
//   <script src="https://guide.example.org/widget.js" data-accent="#1d645f" data-height="640" async></script>
// The site's origin must stand in the guide's GUIDE_EMBED setting.

(() => {
  const script = document.currentScript;
  const guide = new URL(script.src).origin;
  const { accent = "", height = "640", maxHeight = "900", title = "The no-contact guide" } = script.dataset;
  const frame = document.createElement("iframe");
  frame.src = `${guide}/?${new URLSearchParams({ accent })}`;
  frame.title = title;
  frame.referrerPolicy = "no-referrer";
  frame.allow = "clipboard-write";
  frame.style.cssText = `display:block;width:100%;max-width:100%;border:0;height:${Number(height) || 640}px`;
  addEventListener("message", (event) => {
    if (event.origin !== guide || event.source !== frame.contentWindow) return;
    const wanted = Number(event.data?.guideHeight);
    if (wanted > 0) frame.style.height = `${Math.min(Math.max(wanted, 420), Number(maxHeight) || 900)}px`;
    if (event.data?.guideLeave) location.replace(event.data.guideLeave);
  });
  if (script.closest("head")) addEventListener("DOMContentLoaded", () => document.body.append(frame));
  else script.after(frame);
})();
