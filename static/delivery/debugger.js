// The live list of a debugger: <section data-debugger data-url data-newest> with a [data-debugger-rows] list inside.
// Asks for rows newer than the newest; while it is paused, or the pointer or focus is on the list, they are only counted.
import { announce, mount } from "../js/dom.js";

const EVERY_MS = 2000;
const IDLE_MS = 10 * 60 * 1000;
const MOST_ROWS = 300;

mount("[data-debugger]", (region) => {
  const list = region.querySelector("[data-debugger-rows]");
  const fresh = region.querySelector("[data-debugger-new]");
  const toggle = region.querySelector("[data-debugger-toggle]");
  const state = region.querySelector("[data-debugger-state]");
  let newest = region.dataset.newest;
  let waiting = 0;
  let waitingHtml = [];
  let isPaused = false;
  let isAsking = false;
  let hasFailed = false;
  let activeAt = Date.now();

  function words() {
    if (isPaused) return "Paused";
    if (Date.now() - activeAt > IDLE_MS) return "Paused while idle";
    return hasFailed ? "No connection" : "Live";
  }

  function show() {
    state.textContent = words();
    region.dataset.state = isPaused ? "paused" : "live";
    toggle.hidden = false;
    toggle.textContent = isPaused ? "Resume" : "Pause";
    fresh.hidden = waiting === 0;
    fresh.textContent = `${waiting}${waiting >= 1000 ? "+" : ""} new`;
  }

  function put() {
    if (!waitingHtml.length) return;
    const top = list.scrollTop;
    const height = list.scrollHeight;
    for (const html of waitingHtml) {
      const holder = document.createElement("template");
      holder.innerHTML = html;
      const rows = [...holder.content.children];
      list.prepend(...rows);
      for (const row of rows) window.htmx.process(row);
    }
    if (top > 0) list.scrollTop = top + list.scrollHeight - height;
    while (list.children.length > MOST_ROWS) list.lastElementChild.remove();
    region.querySelector("[data-debugger-empty]")?.remove();
    waitingHtml = [];
    waiting = 0;
    show();
  }

  const isWatched = () => list.matches(":hover") || list.contains(document.activeElement);

  async function ask() {
    if (isAsking || document.hidden || Date.now() - activeAt > IDLE_MS) return;
    isAsking = true;
    try {
      const url = new URL(region.dataset.url, location.href);
      url.searchParams.set("since", newest);
      const response = await fetch(url, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
      if (response.redirected || !response.ok) throw new Error(String(response.status));
      const html = await response.text();
      const count = Number(response.headers.get("X-Count"));
      newest = response.headers.get("X-Newest") || newest;
      hasFailed = false;
      if (count) {
        waiting += count;
        waitingHtml.push(html);
        if (waitingHtml.length > 20) waitingHtml.shift();
      }
      if (!isPaused && !isWatched()) put();
    } catch {
      hasFailed = true;
    } finally {
      isAsking = false;
      show();
    }
  }

  toggle.addEventListener("click", () => {
    isPaused = !isPaused;
    announce(isPaused ? "The list is paused" : "The list is live");
    if (!isPaused) put();
    show();
  });
  fresh.addEventListener("click", () => {
    put();
    list.scrollTop = 0;
    announce("New calls are shown");
  });
  list.addEventListener("pointerleave", () => {
    if (!isPaused && !isWatched()) put();
  });
  // The chosen row stays marked.
  list.addEventListener("click", (event) => {
    const row = event.target.closest("li");
    if (!row) return;
    for (const other of list.querySelectorAll(".is-open")) other.classList.remove("is-open");
    row.classList.add("is-open");
    // Above the list where there is one column.
    if (matchMedia("(max-width: 60rem)").matches) document.querySelector(".debugger__pane").scrollIntoView();
  });
  for (const type of ["pointermove", "keydown", "visibilitychange"]) {
    document.addEventListener(type, () => (activeAt = Date.now()), { passive: true });
  }
  const timer = setInterval(() => {
    if (!region.isConnected) clearInterval(timer);
    else ask();
  }, EVERY_MS);
  show();
});
