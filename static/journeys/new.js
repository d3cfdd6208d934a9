// Settings that belong to a checkbox are shown while it is checked.
import { mount } from "../js/dom.js";

mount("[data-reveals]", (box) => {
  const more = box.closest("fieldset").querySelector(`[data-revealed="${box.dataset.reveals}"]`);
  const show = () => (more.hidden = !box.checked);
  box.addEventListener("change", show);
  show();
});
