// The audience builder: posts the form when its shape changes, keeps the draft, keys on rows, focus after swaps.
import { announce, on } from "../js/dom.js";
import { addShortcut } from "../js/shortcuts.js";
import { dragRows } from "./dragging.js";
import { rowKey, suggestFor } from "./rows.js";

const KEEP_AFTER_MS = 1000;
const form = document.querySelector("[data-builder]");

/** Names and values, so that what is typed while a request runs can be told from what was sent. */
function values() {
  return [...form.elements]
    .filter((field) => field.name && field.type !== "submit" && field.type !== "hidden")
    .map((field) => [field, field.type === "checkbox" ? field.checked : field.value]);
}

function byId(id) {
  return id ? document.getElementById(id) : null;
}

function press(id) {
  byId(id)?.click();
}

let timer = 0;
let sent = new Map();
let focused = null;

function changed() {
  const result = form.querySelector("[data-result]");
  if (result && !result.classList.contains("is-stale")) {
    result.classList.add("is-stale");
    result.querySelector(".is-stale-note").hidden = false;
  }
  clearTimeout(timer);
  timer = setTimeout(() => press("builder-keep"), KEEP_AFTER_MS);
}

function runPreview() {
  clearTimeout(timer);
  press("builder-run");
}

if (form) {
  form.addEventListener("input", changed);
  form.addEventListener("input", (event) => {
    const field = event.target;
    if (field.matches("[data-test='builder.count']")) field.nextElementSibling.textContent = field.value === "1" ? "time" : "times";
  });
  form.addEventListener("change", (event) => {
    const field = event.target;
    if (field.matches("[data-refresh]")) {
      clearTimeout(timer);
      press("builder-refresh");
    } else if (field.matches("input[name$='.name']")) {
      suggestFor(form, field);
    }
  });

  form.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.target.id === "save-state") return;
    sent = new Map(values().map(([field, value]) => [field.name, value]));
    focused = document.activeElement?.id ?? null;
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.id !== "definition" || !event.detail.shouldSwap) return;
    focused = document.activeElement?.id || focused;
    const typed = new Map();
    for (const [field, value] of values()) {
      if (byId(field.id) === field && sent.has(field.name) && sent.get(field.name) !== value && field.matches("#definition *")) {
        typed.set(field.name, value);
      }
    }
    document.addEventListener("htmx:afterSwap", () => restore(typed), { once: true });
    document.addEventListener("htmx:afterSettle", () => focusOn(byId("definition")?.dataset.focus), { once: true });
  });

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter" && form.contains(document.activeElement ?? form)) {
      event.preventDefault();
      runPreview();
      return;
    }
    rowKey(form, event);
  });

  dragRows(form, (from, where) => {
    const button = byId("builder-move");
    if (!button) return;
    button.value = `move:${from}:${where}`;
    button.click();
  });

  addShortcut("Run the preview", "Ctrl", "Enter");
  addShortcut("Move the condition up or down", "Alt", "↑ ↓");
  addShortcut("Duplicate the condition in focus", "D");
  addShortcut("Remove the condition in focus", "Del");
}

/** What was typed while the answer was on its way wins. */
function restore(typed) {
  for (const [name, value] of typed) {
    const field = form.elements.namedItem(name);
    if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement || field instanceof HTMLTextAreaElement) field.value = value;
  }
}

/** The focus goes where the server says, or stays where it was. */
function focusOn(wanted) {
  const goal = byId(wanted) ?? (wanted ? byId(wanted.replace(/:0$/, "")) : null);
  if (goal) {
    goal.focus();
    goal.scrollIntoView({ block: "nearest" });
    if (goal.matches("[data-row]")) announce(goal.getAttribute("aria-label"));
  } else if (focused && document.activeElement === document.body) {
    byId(focused)?.focus();
  }
  if (wanted) changed();
}

// The key follows the name until a person writes one.
on("input", "[data-test='builder.key']", () => {
  const name = document.querySelector("[data-names-key]");
  if (name) name.dataset.keyIsOwn = "true";
});
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.elt?.matches?.("[data-names-key][data-key-is-own]")) event.preventDefault();
});
const named = document.querySelector("[data-names-key]");
if (named && !named.value) named.focus();
