// Live regions: <section data-live data-live-url="…" data-live-every="5"> with a [data-live-content] inside.
// Polls while the tab is visible, pauses on request, stops after ten idle minutes and then offers Resume.
import { announce, mount } from "./dom.js";

const IDLE_MS = 10 * 60 * 1000;
let lastActive = Date.now();
for (const type of ["pointerdown", "pointermove", "keydown", "scroll", "visibilitychange"]) {
  document.addEventListener(type, () => (lastActive = Date.now()), { passive: true, capture: true });
}

function words(seconds) {
  if (seconds < 2) return "updated just now";
  if (seconds < 60) return `updated ${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `updated ${Math.floor(seconds / 60)} min ago`;
  return `updated ${Math.floor(seconds / 3600)} h ago`;
}

mount("[data-live]", (region) => {
  const every = Math.max(1, Number(region.dataset.liveEvery ?? 5)) * 1000;
  let updatedAt = Date.now();
  let askedAt = Date.now();
  let state = "running";
  let inFlight = false;

  const label = () => region.querySelector("[data-live-age]");
  const button = () => region.querySelector("[data-live-toggle]");

  function show() {
    region.dataset.liveState = state;
    const text = words((Date.now() - updatedAt) / 1000);
    const suffix = { running: "", paused: ", paused", idle: ", paused while idle", failed: ", update failed" }[state];
    if (label()) label().textContent = text + suffix;
    if (button()) {
      button().hidden = false;
      button().textContent = state === "running" || state === "failed" ? "Pause" : "Resume";
    }
  }

  async function update() {
    if (inFlight) return;
    inFlight = true;
    askedAt = Date.now();
    try {
      const headers = { "HX-Request": "true", "X-Live": "true" };
      const response = await fetch(region.dataset.liveUrl || location.href, { headers, credentials: "same-origin" });
      if (response.redirected || !response.ok) throw new Error(String(response.status));
      const html = await response.text();
      const content = region.querySelector("[data-live-content]");
      // Never swap under a finger or a cursor that is inside a field or menu.
      if (state === "running" || state === "failed") {
        if (content && !content.querySelector(":focus, :popover-open, dialog[open]")) {
          window.htmx.swap(content, html, { swapStyle: "innerHTML" });
        }
        updatedAt = Date.now();
        state = "running";
      }
    } catch {
      if (state === "running") state = "failed";
    } finally {
      inFlight = false;
      show();
    }
  }

  region.addEventListener("click", (event) => {
    if (!event.target.closest("[data-live-toggle]")) return;
    const runs = state === "running" || state === "failed";
    state = runs ? "paused" : "running";
    lastActive = Date.now();
    announce(runs ? "Updates paused" : "Updates resumed");
    if (!runs) update();
    show();
  });
  region.addEventListener("live:refresh", update);

  const timer = setInterval(() => {
    if (!region.isConnected) {
      clearInterval(timer);
      return;
    }
    if (document.hidden) return;
    if (state === "running" && Date.now() - lastActive > IDLE_MS) state = "idle";
    const due = Date.now() - askedAt >= every;
    if (due && (state === "running" || state === "failed")) update();
    show();
  }, 1000);
  show();
});
