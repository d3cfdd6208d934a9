// Rows that can be added and removed: <fieldset data-rows> with a list, a <template data-rows-blank> in which __n__ stands
// for the number, and buttons data-row-add and data-row-remove that post the form where there is no script.
// A field data-same="ID" gives its value to the field of that id as long as nobody typed another one there.
import { announce, on } from "./dom.js";

const copied = new WeakMap();

function changed(rows) {
  rows.dispatchEvent(new Event("input", { bubbles: true }));
}

on("click", "[data-row-add]", (event, button) => {
  event.preventDefault();
  const rows = button.closest("[data-rows]");
  const list = rows.querySelector("[data-rows-list]");
  const last = list.lastElementChild?.querySelector("[name]")?.name.match(/-(\d+)-[a-z]+$/)?.[1] ?? -1;
  const number = Math.max(Number(rows.dataset.next ?? 0), Number(last) + 1);
  rows.dataset.next = String(number + 1);
  const made = document.createElement("template");
  made.innerHTML = rows.querySelector("template[data-rows-blank]").innerHTML.replaceAll("__n__", String(number));
  const row = made.content.querySelector("[data-row]");
  list.append(row);
  row.dispatchEvent(new Event("ui:added", { bubbles: true }));
  row.querySelector("input, select").focus();
  changed(rows);
});

on("click", "[data-row-remove]", (event, button) => {
  event.preventDefault();
  const rows = button.closest("[data-rows]");
  const row = button.closest("[data-row]");
  const near = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  (near?.querySelector("[data-row-remove]") ?? rows.querySelector("[data-row-add]")).focus();
  announce("Removed");
  changed(rows);
});

on("change", "[data-same]", (_event, field) => {
  const other = document.getElementById(field.dataset.same);
  if (!other || (other.value && other.value !== copied.get(other))) return;
  other.value = field.value;
  copied.set(other, field.value);
});
