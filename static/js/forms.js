// Forms: focus goes to the error summary, its links focus the field, fields validate on blur, lists select in bulk.
import { mount, on } from "./dom.js";

mount("[data-error-summary]:not([data-error-summary='quiet'])", (summary) => summary.focus());

on("click", "[data-error-summary] a[href^='#']", (event, link) => {
  const field = document.getElementById(link.hash.slice(1));
  if (!field) return;
  event.preventDefault();
  field.focus();
  field.scrollIntoView({ block: "center" });
});

// The browser's own rules (required, type, pattern) on leaving a field; the server's verdict still decides.
document.addEventListener("focusout", (event) => {
  const field = event.target;
  const box = field instanceof Element ? field.closest(".field") : null;
  if (!box || !field.willValidate || !field.name || field.closest("[data-confirm-dialog]")) return;
  const id = `${field.id}_hint`;
  const old = document.getElementById(id);
  if (field.validity.valid || (field.validity.valueMissing && !field.dataset.touched)) {
    old?.remove();
    if (field.validity.valid && !box.querySelector(".field__errors")) field.removeAttribute("aria-invalid");
    return;
  }
  const hint = old ?? document.createElement("p");
  hint.id = id;
  hint.className = "field__errors";
  hint.textContent = field.validationMessage;
  if (!old) box.append(hint);
  field.setAttribute("aria-invalid", "true");
  const described = new Set((field.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean));
  field.setAttribute("aria-describedby", [...described.add(id)].join(" "));
});
document.addEventListener("input", (event) => {
  if (event.target instanceof HTMLElement) event.target.dataset.touched = "true";
});

// <select data-submit> and radio groups of filters apply at once; without script the form has a button (data-noscript).
on("change", "[data-submit]", (_event, field) => field.form?.requestSubmit());
mount("[data-noscript]", (element) => (element.hidden = true));

// Checkbox in the header selects the column of row checkboxes named by data-select-all.
on("change", "[data-select-all]", (_event, all) => {
  for (const box of document.querySelectorAll(`input[name="${CSS.escape(all.dataset.selectAll)}"]`)) box.checked = all.checked;
});
