// The journey builder: panel, plus menus, selection, keyboard. Every edit is a post; the server answers what changed.
import { rowKey, suggestFor } from "../audiences/rows.js";
import { announce, isTyping, mount, on, place } from "../js/dom.js";
import { addShortcut } from "../js/shortcuts.js";
import { canvasOf, focusCard, placeSwapped } from "./canvas.js";
import { askPlace, cancelPlace, cardOf, listenToPointers, pick, picked, showPicked, tookPlace } from "./dragging.js";
import { byId, flush, panelName, root, send, status } from "./saving.js";
import "./new.js";

const menu = byId("builder-add-menu");
const canChange = root?.hasAttribute("data-can-change");
const edit = (values) => flush().then(() => send(root.dataset.editUrl, values));
const placeOf = (plus) => (plus.dataset.branch ? `${plus.dataset.step}:${plus.dataset.branch}` : plus.dataset.step);

function canvas() {
  const element = root.querySelector("[data-canvas]");
  return element ? canvasOf(element) : null;
}

function markSelected() {
  const step = panelName().replace(/^step:/, "");
  for (const card of root.querySelectorAll(".jcard[data-selected]")) delete card.dataset.selected;
  const card = panelName().startsWith("step:") ? cardOf(step) : null;
  if (card) card.dataset.selected = "true";
  return card;
}

function address(panel) {
  const url = new URL(location.href);
  if (panel) url.searchParams.set("panel", panel);
  else url.searchParams.delete("panel");
  return url;
}

/** Shows a panel beside the canvas; what was typed in the one before is saved first. */
async function openPanel(panel, { focus = "#panel-title", history: method = "pushState" } = {}) {
  await flush();
  const url = address(panel);
  if (method && url.href !== location.href) history[method]({ panel }, "", url);
  await window.htmx.ajax("GET", `${url.pathname}${url.search}`, { source: root, target: "#builder-panel", swap: "outerHTML" });
  const card = markSelected();
  if (card) canvas()?.reveal(card);
  if (focus) byId("builder-panel")?.querySelector(focus)?.focus({ preventScroll: false });
}

async function backToCanvas() {
  const step = panelName().replace(/^step:/, "");
  if (panelName()) await openPanel("", { focus: "" });
  const card = cardOf(step);
  if (card) focusCard(card);
}

async function openMenu(plus) {
  const url = new URL(root.dataset.addUrl, location.href);
  url.searchParams.set("after", plus.dataset.step);
  url.searchParams.set("branch", plus.dataset.branch ?? "");
  url.searchParams.set("view", root.dataset.view);
  await flush();
  await window.htmx.ajax("GET", `${url.pathname}${url.search}`, { source: plus, target: menu, swap: "innerHTML" });
  if (!menu.matches(":popover-open")) menu.showPopover();
  plus.setAttribute("aria-expanded", "true");
  place(menu, plus, { align: "center", gap: 8 });
  menu.querySelector("[data-add-filter]")?.focus();
}

function filterMenu(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const items = [...menu.querySelectorAll("[data-words]")];
  for (const item of items) item.hidden = !words.every((word) => item.dataset.words.includes(word));
  for (const group of menu.querySelectorAll("[data-add-group]")) {
    let next = group.nextElementSibling;
    let isEmpty = true;
    while (next?.matches("[data-words]")) {
      if (!next.hidden) isEmpty = false;
      next = next.nextElementSibling;
    }
    group.hidden = isEmpty;
  }
  menu.querySelector("[data-add-none]").hidden = items.some((item) => !item.hidden);
}

function remove(steps) {
  if (!steps.length) return;
  edit({ op: "delete", target: steps.join(" ") });
  picked.clear();
}

async function copy(steps) {
  if (!steps.length) return false;
  await edit({ op: "copy", target: steps.join(" ") });
  announce(steps.length === 1 ? "Copied" : `${steps.length} steps copied`);
  return byId("builder-alert").childElementCount === 0;
}

function plusAfter(card) {
  const own = byId(`plus-${card.dataset.step}--${card.dataset.branch ?? ""}`);
  if (own) return own;
  for (const child of card.dataset.children?.split(" ") ?? []) {
    const found = byId(child) && plusAfter(byId(child));
    if (found) return found;
  }
  return null;
}

function focusedCard() {
  const card = document.activeElement?.closest?.(".jcard");
  return card && root.contains(card) && !card.closest(".bpanel") ? card : null;
}

function chosenSteps() {
  if (picked.size) return [...picked];
  const card = focusedCard();
  return card && card.dataset.kind !== "branch" && card.dataset.step !== "entry" ? [card.dataset.step] : [];
}

const withMod = {
  c: () => copy(chosenSteps()),
  x: async () => {
    const steps = chosenSteps();
    if (await copy(steps)) edit({ op: "delete", target: steps.join(" "), confirmed: "1" });
  },
  v: () => {
    const card = focusedCard() ?? cardOf(panelName().replace(/^step:/, "")) ?? cardOf("entry");
    const plus = card && plusAfter(card);
    if (plus) edit({ op: "paste", place: placeOf(plus) });
  },
  z: (event) => status().querySelector(`button[value="${event.shiftKey ? "redo" : "undo"}"]`)?.click(),
  y: () => status().querySelector('button[value="redo"]')?.click(),
};

const alone = {
  a: (card) => {
    const plus = plusAfter(card);
    if (plus) openMenu(plus);
  },
  e: (card) => openPanel(`step:${card.dataset.step}`, { focus: "#step-name" }),
  delete: () => remove(chosenSteps()),
  backspace: () => remove(chosenSteps()),
};

function keys(event) {
  if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
  const form = byId("step-form");
  if (form && rowKey(form, event)) return;
  if (event.key === "Escape") {
    if (menu.matches(":popover-open")) return;
    if (cancelPlace()) event.preventDefault();
    else if (picked.size) pick([], { adds: false });
    else if (byId("builder-panel").contains(document.activeElement) && panelName()) {
      event.preventDefault();
      backToCanvas();
    }
    return;
  }
  if (isTyping(event.target)) return;
  const key = event.key.toLowerCase();
  if ((event.ctrlKey || event.metaKey) && !event.altKey) {
    if (!canChange || !withMod[key] || (key === "c" && String(getSelection()))) return;
    event.preventDefault();
    withMod[key](event);
    return;
  }
  const card = focusedCard();
  if (event.altKey || event.shiftKey || !canChange || !alone[key] || (!card && !picked.size)) return;
  if (!card && (key === "a" || key === "e")) return;
  event.preventDefault();
  alone[key](card);
}

/** After an answer: the dialog that it brought, the step or field that it names, else where the focus was. */
function answered({ ok, focused, op }) {
  const dialog = byId("builder-dialog");
  if (dialog?.hasAttribute("data-opens")) {
    dialog.removeAttribute("data-opens");
    window.htmx.process(dialog);
    dialog.showModal();
    return;
  }
  if (!ok) return;
  placeSwapped();
  showPicked();
  markSelected();
  const url = address(panelName());
  if (url.href !== location.href) history.replaceState({ panel: panelName() }, "", url);
  const wanted = status()?.dataset.focus ?? "";
  const goal = byId(wanted) ?? byId(wanted.replace(/:0$/, ""));
  if (goal?.matches(".jcard")) {
    canvas()?.reveal(goal);
    const field = ["add", "connect", "paste"].includes(op) ? byId("builder-panel").querySelector("#step-name, #connect-target") : null;
    if (field) field.focus();
    else focusCard(goal);
  } else if (goal) {
    goal.focus();
    goal.scrollIntoView({ block: "nearest" });
  } else if (document.activeElement === document.body && byId(focused)) {
    const before = byId(focused);
    if (before.matches(".jcard")) focusCard(before);
    else before.focus();
  }
  if (byId("builder-alert").childElementCount) byId("builder-alert").scrollIntoView({ block: "nearest" });
}

if (root) {
  on("click", "[data-panel-link], .canvas .jcard__link", (event, link) => {
    if (event.ctrlKey || event.metaKey || event.defaultPrevented) return;
    const card = link.closest(".canvas .jcard");
    event.preventDefault();
    if (card && event.shiftKey) {
      if (canChange) pick([card.dataset.step], { adds: "toggle" });
      return;
    }
    const panel = link.dataset.panelLink ?? `step:${card.dataset.step}`;
    if (panel === "" && panelName().startsWith("step:")) backToCanvas();
    else openPanel(panel);
  });
  on("click", "[data-plus]", (event, plus) => {
    if (event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    if (!tookPlace(plus)) openMenu(plus);
  });
  on("click", "[data-place-kind]", (_event, item) => {
    askPlace(`Choose where ${item.dataset.title} goes: press a +`, [], (plus) => edit({ op: "add", kind: item.dataset.placeKind, place: placeOf(plus) }));
  });
  on("click", "[data-placing-cancel]", () => cancelPlace());
  on("click", "[data-alert-close]", (_event, button) => button.closest(".callout").remove());
  on("click", "[data-selected]", (_event, button) => {
    const steps = chosenSteps();
    const acts = { copy: withMod.c, cut: withMod.x, delete: () => remove(steps) };
    if (button.dataset.selected === "move") askPlace("Choose where the steps go: press a +", steps, (plus) => moveTo(steps, plus));
    else acts[button.dataset.selected]?.();
  });
  menu.addEventListener("input", (event) => {
    if (event.target.matches("[data-add-filter]")) filterMenu(event.target.value);
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("[data-add-filter]")) return;
    event.preventDefault();
    menu.querySelector("[data-words]:not([hidden])")?.click();
  });
  menu.addEventListener("toggle", (event) => {
    if (event.newState === "open") return;
    for (const plus of root.querySelectorAll(".plus[aria-expanded]")) plus.removeAttribute("aria-expanded");
  });
  for (const type of ["mouseover", "focusin"]) {
    menu.addEventListener(type, (event) => {
      const target = event.target.closest("[data-target]");
      for (const card of root.querySelectorAll(".is-eligible")) card.classList.remove("is-eligible");
      if (target) cardOf(target.dataset.target)?.classList.add("is-eligible");
    });
  }
  document.addEventListener("keydown", keys);
  document.addEventListener("change", (event) => {
    const form = event.target.closest?.("#step-form");
    if (form && event.target.matches("input[name$='.name']")) suggestFor(form, event.target);
  });
  document.addEventListener("input", (event) => {
    if (event.target.matches?.("[data-percent]")) showTotal(event.target.form);
    else if (event.target.matches?.("[data-test='builder.count']")) event.target.nextElementSibling.textContent = event.target.value === "1" ? "time" : "times";
  });
  root.addEventListener("builder:answered", (event) => answered(event.detail));
  window.addEventListener("popstate", () => openPanel(new URLSearchParams(location.search).get("panel") ?? "", { focus: "", history: "" }));
  const moveTo = (steps, plus) => edit({ op: "move", target: steps.join(" "), place: placeOf(plus) });
  if (canChange) listenToPointers(moveTo, (kind, plus) => edit({ op: "add", kind, place: placeOf(plus) }));
  mount("[data-noscript]", (element) => element.remove());

  addShortcut("Walk along the edges of the canvas", "↑ ↓ ← →");
  addShortcut("Add a step after the one in focus", "A");
  addShortcut("Rename the step in focus", "E");
  addShortcut("Delete the step in focus or the selected ones", "Del");
  addShortcut("Copy, cut, paste steps", "Ctrl", "C X V");
  addShortcut("Undo, redo", "Ctrl", "Z / ⇧ Z");
  addShortcut("Zoom in, out, fit", "+ - 0");
}

function showTotal(form) {
  const place = form.querySelector("[data-percent-total]");
  const hundredths = [...form.querySelectorAll("[data-percent]")].reduce((sum, field) => sum + Math.round(Number(field.value) * 100), 0);
  place.classList.toggle("btotal--off", hundredths !== 10000);
  place.querySelector("strong").textContent = `${hundredths / 100} %`;
}
