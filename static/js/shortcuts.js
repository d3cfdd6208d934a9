// `/` focuses the page's search, `?` lists the shortcuts. Pages add theirs with addShortcut().
import { isTyping } from "./dom.js";

/** Adds a line to the list: addShortcut("Run the preview", "Ctrl", "Enter"). */
export function addShortcut(label, ...keys) {
  const list = document.getElementById("shortcuts-list");
  if (!list) return;
  const term = document.createElement("dt");
  term.textContent = label;
  const value = document.createElement("dd");
  keys.forEach((key, index) => {
    const cap = document.createElement("kbd");
    cap.textContent = key;
    if (index) value.append(" ");
    value.append(cap);
  });
  list.append(term, value);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (event.key === "?") {
    const dialog = document.getElementById("shortcuts");
    if (dialog && !document.querySelector("dialog[open].dialog")) {
      event.preventDefault();
      dialog.showModal();
    }
  } else if (event.key === "/") {
    const scope = document.querySelector("dialog[open]") ?? document;
    const field = [...scope.querySelectorAll("[data-search]")].find((input) => input.offsetParent !== null);
    if (field) {
      event.preventDefault();
      field.focus();
      field.select();
    }
  }
});
