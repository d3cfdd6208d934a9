// Opens the confirm dialog that a menu item of "More options" loaded, and takes it away again when it is closed.
import { mount } from "../js/dom.js";

mount("[data-opens-dialog]", (holder) => {
  const dialog = holder.querySelector("dialog");
  if (!dialog) return;
  dialog.addEventListener("close", () => holder.remove());
  dialog.showModal();
});
