// Rows of conditions in any form: which values are suggested, and the keys of a focused row.
import { isTyping } from "../js/dom.js";

/** The properties and values that are suggested belong to the event or trait named in the same row. */
export function suggestFor(form, field) {
  const base = field.name.replace(/name$/, "");
  for (const box of form.querySelectorAll(".combobox[data-params]")) {
    const input = box.querySelector("input");
    if (input === field || !input.name.startsWith(base)) continue;
    const params = JSON.parse(box.dataset.params);
    if (/\.(p\d+|t)\.$/.test(base)) {
      if (input.name === `${base}value` && params.kind === "value") params.path = field.value.trim();
    } else if ("event" in params && (base.endsWith(".then.") || !input.name.includes(".then."))) {
      params.event = field.value.trim();
    }
    box.dataset.params = JSON.stringify(params);
  }
}

/** Alt+arrows move, D duplicates, Del removes, arrows go to the next row. True when the key was one of these. */
export function rowKey(form, event) {
  const row = event.target instanceof Element ? event.target.closest("[data-row]") : null;
  if (!row || !form.contains(row)) return false;
  const operate = (verb) => row.querySelector(`button[value="${verb}:${row.dataset.row}"]`)?.click();
  const isVertical = event.key === "ArrowUp" || event.key === "ArrowDown";
  if (event.altKey && isVertical) {
    operate(event.key === "ArrowUp" ? "up" : "down");
  } else if (event.target === row && !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event.target)) {
    if (event.key === "d" || event.key === "D") operate("duplicate");
    else if (event.key === "Delete") operate("remove");
    else if (isVertical) {
      const rows = [...form.querySelectorAll("[data-row]")];
      rows[rows.indexOf(row) + (event.key === "ArrowDown" ? 1 : -1)]?.focus();
    } else return false;
  } else return false;
  event.preventDefault();
  return true;
}
