// Choosing a place: drag cards or palette entries onto a plus, or press one; marquee and Shift-click select several.
import { announce } from "../js/dom.js";
import { canvasOf } from "./canvas.js";
import { byId, root } from "./saving.js";

const STARTS_AFTER = 6;
const REACH = 70;
export const picked = new Set();

export function cardOf(step) {
  return byId(`card-${step}`);
}

/** The steps and, of splits, everything on their branches. */
export function withBranches(steps) {
  const found = new Set();
  const take = (card) => {
    if (!card) return;
    if (card.dataset.kind !== "branch") found.add(card.dataset.step);
    for (const child of card.dataset.children?.split(" ").filter(Boolean) ?? []) take(byId(child));
  };
  for (const step of steps) {
    found.add(step);
    const card = cardOf(step);
    const first = byId(card?.dataset.children?.split(" ")[0]);
    if (first?.dataset.kind === "branch") take(card);
  }
  return found;
}

export function showPicked() {
  for (const step of picked) if (!cardOf(step)) picked.delete(step);
  for (const card of root.querySelectorAll(".jcard[data-step]")) {
    if (picked.has(card.dataset.step) && card.dataset.kind !== "branch") card.dataset.picked = "true";
    else delete card.dataset.picked;
  }
  const bar = root.querySelector("[data-selection]");
  if (!bar) return;
  bar.hidden = picked.size === 0;
  bar.querySelector("[data-selection-count]").textContent = picked.size === 1 ? "1 step" : `${picked.size} steps`;
}

export function pick(steps, { adds = true } = {}) {
  if (!adds) picked.clear();
  for (const step of steps) {
    if (step === "entry") continue;
    if (adds === "toggle" && picked.has(step)) picked.delete(step);
    else picked.add(step);
  }
  showPicked();
  announce(`${picked.size} selected`);
}

/** Marks the places that are allowed. `steps` are those that move, empty for what is new. */
function mark(steps) {
  const moving = withBranches(steps);
  const first = [...steps].map(cardOf).find(Boolean);
  const parent = first && steps.length === 1 ? byId(first.dataset.parent) : null;
  root.dataset.choosing = "";
  for (const step of moving) cardOf(step)?.classList.add("is-moving");
  for (const plus of root.querySelectorAll("[data-plus]")) {
    const isHere = parent && plus.dataset.step === parent.dataset.step && plus.dataset.branch === (parent.dataset.branch ?? "");
    plus.classList.toggle("is-no", moving.has(plus.dataset.step) || Boolean(isHere));
  }
}

function unmark() {
  delete root.dataset.choosing;
  for (const element of root.querySelectorAll(".is-moving, .is-no, .is-over")) element.classList.remove("is-moving", "is-no", "is-over");
}

let chosen = null;

/** Ask for a place: `act(plus)` once one is pressed. */
export function askPlace(text, steps, act) {
  cancelPlace();
  chosen = act;
  mark(steps);
  const bar = root.querySelector("[data-placing]");
  if (bar) {
    bar.hidden = false;
    bar.querySelector("[data-placing-text]").textContent = text;
  }
  announce(text);
  root.querySelector("[data-plus]:not(.is-no)")?.focus();
}

export function cancelPlace() {
  if (!chosen) return false;
  chosen = null;
  unmark();
  const bar = root.querySelector("[data-placing]");
  if (bar) bar.hidden = true;
  return true;
}

/** True when the press on a plus answered `askPlace`. */
export function tookPlace(plus) {
  if (!chosen || plus.classList.contains("is-no")) return false;
  const act = chosen;
  cancelPlace();
  act(plus);
  return true;
}

/** Follows the pointer from an element; `act(plus)` when it is let go over a place. */
function drag(event, label, steps, act) {
  const start = { x: event.clientX, y: event.clientY };
  let ghost = null;
  let over = null;
  const move = (moved) => {
    if (!ghost && Math.hypot(moved.clientX - start.x, moved.clientY - start.y) < STARTS_AFTER) return;
    if (!ghost) {
      ghost = document.createElement("div");
      ghost.className = "bghost";
      ghost.textContent = label;
      document.body.append(ghost);
      cancelPlace();
      mark(steps);
    }
    ghost.style.transform = `translate(${moved.clientX + 12}px, ${moved.clientY + 10}px)`;
    let nearest = REACH;
    let next = null;
    for (const plus of root.querySelectorAll(".plus:not(.is-no)")) {
      const box = plus.getBoundingClientRect();
      const distance = Math.hypot(box.left + box.width / 2 - moved.clientX, box.top + box.height / 2 - moved.clientY);
      if (distance < nearest) [nearest, next] = [distance, plus];
    }
    if (next !== over) {
      over?.classList.remove("is-over");
      next?.classList.add("is-over");
      over = next;
    }
  };
  const end = (ended) => {
    document.removeEventListener("pointermove", move);
    document.removeEventListener("pointerup", end);
    document.removeEventListener("pointercancel", end);
    document.removeEventListener("keydown", stop, true);
    if (!ghost) return;
    ghost.remove();
    unmark();
    // The click that ends a drag opens nothing.
    const swallow = (click) => {
      click.preventDefault();
      click.stopPropagation();
    };
    document.addEventListener("click", swallow, { capture: true, once: true });
    setTimeout(() => document.removeEventListener("click", swallow, { capture: true }));
    if (ended.type === "pointerup" && over) act(over);
  };
  const stop = (key) => {
    if (key.key !== "Escape" || !ghost) return;
    key.preventDefault();
    key.stopPropagation();
    end({ type: "pointercancel" });
  };
  document.addEventListener("pointermove", move);
  document.addEventListener("pointerup", end);
  document.addEventListener("pointercancel", end);
  document.addEventListener("keydown", stop, true);
}

function marquee(event, viewport) {
  const canvas = canvasOf(viewport.closest("[data-canvas]"));
  const start = canvas.at(event.clientX, event.clientY);
  const box = document.createElement("div");
  box.className = "bmarquee";
  canvas.plane.append(box);
  const area = { left: 0, top: 0, right: 0, bottom: 0 };
  const move = (moved) => {
    const now = canvas.at(moved.clientX, moved.clientY);
    Object.assign(area, { left: Math.min(start.x, now.x), right: Math.max(start.x, now.x), top: Math.min(start.y, now.y), bottom: Math.max(start.y, now.y) });
    Object.assign(box.style, { left: `${area.left}px`, top: `${area.top}px`, width: `${area.right - area.left}px`, height: `${area.bottom - area.top}px` });
  };
  const end = () => {
    document.removeEventListener("pointermove", move);
    document.removeEventListener("pointerup", end);
    box.remove();
    const inside = [...canvas.plane.querySelectorAll(".jcard--step, .jcard--connect")].filter((card) => {
      const { x, y, w, h } = card.dataset;
      return Number(x) < area.right && Number(x) + Number(w) > area.left && Number(y) < area.bottom && Number(y) + Number(h) > area.top;
    });
    if (inside.length) pick(inside.map((card) => card.dataset.step));
  };
  document.addEventListener("pointermove", move);
  document.addEventListener("pointerup", end);
}

/** Wires it up; `moveTo(steps, plus)` and `addTo(kind, plus)` carry out what was dropped. */
export function listenToPointers(moveTo, addTo) {
  document.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.pointerType === "touch" || !(event.target instanceof Element)) return;
    const entry = event.target.closest("[data-place-kind]");
    const card = event.target.closest(".canvas .jcard--step, .canvas .jcard--connect");
    const viewport = event.target.closest("[data-canvas-viewport]");
    if (entry) {
      drag(event, entry.dataset.title, [], (plus) => addTo(entry.dataset.placeKind, plus));
    } else if (card && !event.shiftKey && card.dataset.step !== "entry") {
      const steps = picked.has(card.dataset.step) ? [...picked] : [card.dataset.step];
      const name = card.querySelector(".jcard__link")?.textContent.trim() ?? "Step";
      drag(event, steps.length > 1 ? `${steps.length} steps` : name, steps, (plus) => moveTo(steps, plus));
    } else if (viewport && event.shiftKey && !event.target.closest(".jcard, .plus")) {
      event.preventDefault();
      marquee(event, viewport);
    }
  });
  // Links would start the browser's own dragging.
  root.addEventListener("dragstart", (event) => event.preventDefault());
}
