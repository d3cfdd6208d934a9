// Opens the confirm dialog that a menu item of "More options" loaded, and takes it away again when it is closed.
import { mount } from "../js/dom.js";

mount("[data-opens-dialog]", (holder) => {
  const dialog = holder.querySelector("dialog");
  if (!dialog) return;
  dialog.addEventListener("close", () => holder.remove());
  dialog.showModal();
});

// The publish review: says how many people each choice concerns; nobody finishes on an archived version.
mount("[data-review]", (form) => {
  const summary = form.querySelector("[data-review-summary]");
  const words = { finish: "finish on the version before", move: "move to the new version", exit: "exit" };
  const one = { finish: "finishes on the version before", move: "moves to the new version", exit: "exits" };
  const update = () => {
    const archives = form.querySelector("[name='previous_action'][value='archive']")?.checked ?? false;
    const totals = { finish: 0, move: 0, exit: 0 };
    for (const row of form.querySelectorAll("[data-people]")) {
      const select = row.querySelector("select");
      const finish = select.querySelector("option[value='finish']");
      finish.disabled = archives;
      if (archives && select.value === "finish") select.value = "exit";
      totals[select.value.split(":")[0]] += Number(row.dataset.people);
    }
    const parts = Object.entries(totals).filter(([, count]) => count > 0);
    summary.textContent = parts.map(([name, count]) => `${count.toLocaleString("en-US")} ${count === 1 ? one[name] : words[name]}`).join(", ");
  };
  form.addEventListener("change", update);
  update();
});
