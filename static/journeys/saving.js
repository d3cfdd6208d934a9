// Sends the builder's edits one after another, each on the revision that the one before it left.
import { on } from "../js/dom.js";

const AFTER_TYPING_MS = 1000;
const AFTER_CHOOSING_MS = 200;
export const root = document.querySelector("[data-journey-builder]");

export const byId = (id) => (id ? document.getElementById(id) : null);
export const status = () => byId("builder-status");
export const panelName = () => byId("builder-panel")?.dataset.panelName ?? "";

let line = Promise.resolve();
let succeeded = true;
let pending = null;
let timer = 0;
let saved = "";

/** What the save state said last, before "Saving…". */
function remember() {
  const place = status()?.querySelector("[data-save-state]");
  if (place && !place.dataset.state) saved = place.innerHTML;
}
if (root) remember();

function show(text, state = "") {
  const place = status()?.querySelector("[data-save-state]");
  if (!place) return;
  place.dataset.state = state;
  place.textContent = text;
}

document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt === root) succeeded = event.detail.successful || [409, 422].includes(event.detail.xhr.status);
});

/** Posts an edit after those that are under way; resolves to whether the server answered. */
export function send(url, values) {
  const body = values instanceof FormData ? values : new FormData();
  if (!(values instanceof FormData)) for (const [name, value] of Object.entries(values)) body.append(name, value);
  line = line.then(() => post(url, body));
  return line;
}

async function post(url, body) {
  const { revision, edit } = status().dataset;
  body.set("revision", revision);
  body.set("edit", edit);
  body.set("view", root.dataset.view);
  if (!body.has("panel")) body.set("panel", panelName());
  const state = status().querySelector("[data-save-state]");
  const before = saved;
  show("Saving…", "busy");
  const focused = document.activeElement?.id || document.activeElement?.closest?.(".jcard")?.id;
  const sent = typedIn("step-form");
  const kept = () => {
    // What was typed in the sheet while the answer was on its way wins over the answer.
    const now = typedIn("step-form");
    const typed = [...now].filter(([name, value]) => sent.has(name) && sent.get(name) !== value);
    document.addEventListener("htmx:oobAfterSwap", () => typed.forEach(([name, value]) => restore(name, value)), { once: true });
  };
  root.addEventListener("htmx:beforeSwap", kept, { once: true });
  succeeded = false;
  try {
    await window.htmx.ajax("POST", url, { source: root, target: root, swap: "none", values: body });
  } catch {
    succeeded = false;
  }
  root.removeEventListener("htmx:beforeSwap", kept);
  if (succeeded && state?.isConnected) {
    // Asked or refused: nothing was saved, what was saved before stands.
    state.innerHTML = before;
    delete state.dataset.state;
  }
  remember();
  if (!succeeded) {
    show("Not saved. ", "failed");
    const retry = document.createElement("button");
    retry.type = "button";
    retry.className = "button button--small";
    retry.textContent = "Retry";
    retry.addEventListener("click", () => send(url, body));
    status().querySelector("[data-save-state]")?.append(retry);
  }
  root.dispatchEvent(new CustomEvent("builder:answered", { detail: { ok: succeeded, focused, op: body.get("op") } }));
  return succeeded;
}

function typedIn(id) {
  const form = byId(id);
  const fields = form ? [...form.elements].filter((field) => field.name && field.matches("input:not([type=hidden]):not([type=radio]):not([type=checkbox]), textarea")) : [];
  return new Map(fields.map((field) => [field.name, field.value]));
}

function restore(name, value) {
  const field = byId("step-form")?.elements.namedItem(name);
  if (field instanceof HTMLInputElement && field.value !== value) field.value = value;
}

export function submit(form, submitter) {
  if (pending === form) forget();
  return send(form.action, new FormData(form, submitter));
}

function forget() {
  clearTimeout(timer);
  pending = null;
}

/** Saves what was typed and not saved yet. */
export function flush() {
  if (!pending) return line;
  const form = pending;
  forget();
  if (!form.isConnected) return line;
  const body = new FormData(form);
  body.set("op", form.dataset.stepForm ? "keep" : "settings");
  return send(form.action, body);
}

function changed(form, wait) {
  clearTimeout(timer);
  pending = form;
  show("Saving…", "busy");
  timer = setTimeout(flush, wait);
}

if (root) {
  on("submit", "form[data-edit]", (event, form) => {
    event.preventDefault();
    if (event.submitter?.value !== "keep" && pending && pending !== form) flush();
    form.closest("dialog[open]")?.close();
    form.closest("[popover]:popover-open")?.hidePopover();
    submit(form, event.submitter);
  }, true);
  on("input", "form[data-autosave]", (event, form) => {
    if (event.target.name !== "import") changed(form, AFTER_TYPING_MS);
  });
  on("change", "form[data-autosave]", (event, form) => {
    const field = event.target;
    if (field.name === "import") return;
    if (field.matches("[data-refresh]")) {
      forget();
      const body = new FormData(form);
      body.set("op", "refresh");
      send(form.action, body);
    } else if (field.matches("select, [type=checkbox], [type=radio]")) changed(form, AFTER_CHOOSING_MS);
  });
  window.addEventListener("pagehide", () => {
    if (!pending?.isConnected) return;
    const body = new FormData(pending);
    body.set("op", pending.dataset.stepForm ? "keep" : "settings");
    body.set("revision", status().dataset.revision);
    fetch(pending.action, { method: "POST", body, keepalive: true });
  });
}
