// [data-tip]: one tooltip in the top layer, on hover and on focus, gone with Escape.
import { on, place } from "./dom.js";

const tip = document.createElement("div");
tip.className = "tooltip";
tip.setAttribute("role", "tooltip");
tip.popover = "manual";
document.body.append(tip);

function show(element) {
  if (!element.dataset.tip) return;
  tip.textContent = element.dataset.tip;
  // A modal dialog makes everything outside it inert, so the tip moves in.
  (element.closest("dialog[open]") ?? document.body).append(tip);
  tip.showPopover();
  place(tip, element, { align: "center", gap: 6 });
}

function hide() {
  if (tip.matches(":popover-open")) tip.hidePopover();
}

on("mouseover", "[data-tip]", (_event, element) => show(element));
on("mouseout", "[data-tip]", hide);
on("focusin", "[data-tip]", (_event, element) => element.matches(":focus-visible") && show(element));
on("focusout", "[data-tip]", hide);
document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
window.addEventListener("scroll", hide, { passive: true, capture: true });
