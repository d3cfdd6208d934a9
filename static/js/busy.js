// A busy mark within 100 ms: buttons in flight, and a thin bar for page loads that take longer than that.
const bar = document.getElementById("page-progress");
let waiting = 0;
let timer = 0;

function start() {
  waiting += 1;
  timer ||= setTimeout(() => bar?.classList.add("is-active"), 80);
}

function stop() {
  waiting = Math.max(0, waiting - 1);
  if (waiting > 0) return;
  clearTimeout(timer);
  timer = 0;
  bar?.classList.remove("is-active");
}

function isQuiet(event) {
  return event.detail.elt?.closest?.("[data-live], [data-quiet]") !== null;
}

document.addEventListener("htmx:beforeRequest", (event) => {
  if (!isQuiet(event)) start();
  const button = event.detail.requestConfig?.triggeringEvent?.submitter;
  if (button) {
    button.setAttribute("aria-busy", "true");
    button.disabled = true;
  }
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (!isQuiet(event)) stop();
  const button = event.detail.requestConfig?.triggeringEvent?.submitter;
  if (button?.isConnected) {
    button.removeAttribute("aria-busy");
    button.disabled = false;
  }
});

// Plain posts: the name and value of the pressed button must still be sent, so it is disabled a moment later.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method === "dialog" || form.matches("[hx-post], [hx-get], [hx-put], [hx-delete], [target], [data-download]")) return;
  const button = event.submitter;
  if (form.dataset.sent === "true") {
    event.preventDefault();
    return;
  }
  if (form.method === "post") form.dataset.sent = "true";
  button?.setAttribute("aria-busy", "true");
  start();
});
// Coming back from the page cache shows the form as it was before.
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  for (const button of document.querySelectorAll("button[aria-busy]")) button.removeAttribute("aria-busy");
  waiting = 0;
  stop();
});
