// Dialogs opened by [data-dialog-open="id"], closed by [data-dialog-close]; type-the-name confirmation.
import { mount, on } from "./dom.js";

on("click", "[data-dialog-open]", (event, button) => {
  const dialog = document.getElementById(button.dataset.dialogOpen);
  if (!(dialog instanceof HTMLDialogElement)) return;
  event.preventDefault();
  if (!dialog.open) dialog.showModal();
});

on("click", "[data-dialog-close]", (_event, button) => button.closest("dialog")?.close());

// A click on the backdrop hits the dialog element itself.
document.addEventListener("mousedown", (event) => {
  const dialog = event.target;
  if (dialog instanceof HTMLDialogElement && dialog.matches(".dialog[open]")) {
    const box = dialog.getBoundingClientRect();
    const inside =
      event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside) dialog.close();
  }
});

mount("[data-confirm-name]", (input) => {
  const button = input.form?.querySelector("[data-confirm-submit]");
  const update = () => {
    if (button) button.disabled = input.value.trim() !== input.dataset.confirmName.trim();
  };
  input.addEventListener("input", update);
  update();
});

/** Asks by the named dialog; resolves to its returnValue. */
export function ask(id) {
  const dialog = document.getElementById(id);
  return new Promise((resolve) => {
    dialog.returnValue = "";
    dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
    dialog.showModal();
  });
}

/** Closes the dialog around a form whose htmx request succeeded. */
document.addEventListener("htmx:afterRequest", (event) => {
  const dialog = event.target instanceof Element ? event.target.closest("[data-confirm-dialog]") : null;
  if (dialog?.open && event.detail.successful) dialog.close();
});
