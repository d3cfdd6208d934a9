// Popover menus: placed beside their button, walked with the arrow keys.
import { place } from "./dom.js";

function invokerOf(menu) {
  return document.querySelector(`[popovertarget="${CSS.escape(menu.id)}"]:not([popovertargetaction="hide"])`);
}

function items(menu) {
  return [...menu.querySelectorAll("a[href], button:not(:disabled), input")].filter((item) => item.offsetParent !== null);
}

document.addEventListener(
  "toggle",
  (event) => {
    const menu = event.target;
    if (!(menu instanceof Element) || !menu.matches("[data-menu]")) return;
    const button = event.source ?? invokerOf(menu);
    button?.setAttribute("aria-expanded", String(event.newState === "open"));
    if (event.newState !== "open" || !button) return;
    place(menu, button, { align: menu.dataset.menuAlign });
    if (button.matches(":focus-visible")) items(menu)[0]?.focus();
  },
  true,
);

document.addEventListener("keydown", (event) => {
  const menu = event.target instanceof Element ? event.target.closest("[data-menu]:popover-open") : null;
  const button = event.target instanceof Element ? event.target.closest("[popovertarget]") : null;
  if (!menu) {
    const target = button && document.getElementById(button.getAttribute("popovertarget"));
    if (event.key === "ArrowDown" && target?.matches("[data-menu]")) {
      event.preventDefault();
      target.showPopover({ source: button });
      items(target)[0]?.focus();
    }
    return;
  }
  const all = items(menu);
  const index = all.indexOf(document.activeElement);
  const to = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: all.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  all.at(to % all.length)?.focus();
});

// Choosing something closes the menu; links and forms leave the page or swap on their own.
document.addEventListener("click", (event) => {
  const item = event.target instanceof Element ? event.target.closest(".menu__item") : null;
  if (!item || item.hasAttribute("data-theme-set")) return;
  item.closest("[data-menu]")?.hidePopover?.();
});

// A page that scrolls takes an open menu along with its button, and closes it when the button leaves the window.
window.addEventListener("scroll", () => {
  const menu = document.querySelector("[data-menu]:popover-open");
  const button = menu && invokerOf(menu);
  if (!button) return;
  const { top, bottom } = button.getBoundingClientRect();
  if (bottom < 0 || top > window.innerHeight) menu.hidePopover();
  else place(menu, button, { align: menu.dataset.menuAlign });
}, { passive: true });
