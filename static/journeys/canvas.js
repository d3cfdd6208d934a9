// The canvas: puts the cards at their places, pans, zooms (+ - 0), walks along the edges with the arrow keys.
import { isTyping, mount } from "../js/dom.js";
import { Finder } from "./finding.js";
import { Overview } from "./overview.js";

const LEAST = 0.18;
const MOST = 1.6;
const STEP = 1.2;
const PADDING = 24;
// Below these scales cards show less, larger.
const FAR = 0.55;
const VERY_FAR = 0.36;

/** Cards come with data-x and data-y: the content policy lets only scripts set styles. */
export function placeCards(plane) {
  plane.style.width = `${plane.dataset.width}px`;
  plane.style.height = `${plane.dataset.height}px`;
  for (const item of plane.querySelectorAll("[data-x]")) {
    item.style.left = `${item.dataset.x}px`;
    item.style.top = `${item.dataset.y}px`;
    if (item.dataset.w) {
      item.style.width = `${item.dataset.w}px`;
      item.style.height = `${item.dataset.h}px`;
    }
  }
  plane.dataset.placed = "";
}

export class Canvas {
  constructor(element) {
    this.element = element;
    this.viewport = element.querySelector("[data-canvas-viewport]");
    this.level = element.querySelector("[data-canvas-level]");
    this.pointers = new Map();
    this.x = 0;
    this.y = 0;
    this.scale = 1;
    placeCards(this.plane);
    this.overview = new Overview(this);
    if (!this.restore()) this.start();
    this.listen();
    new Finder(this);
    const selected = this.plane.querySelector("[data-selected]");
    if (selected) this.reveal(selected);
  }

  get plane() {
    return this.element.querySelector(".canvas__plane");
  }

  get key() {
    return this.element.dataset.canvas ? `canvas:${this.element.dataset.canvas}` : "";
  }

  /** After a swap: the new plane where the old one was. */
  refresh() {
    placeCards(this.plane);
    this.overview.draw();
    this.apply();
  }

  restore() {
    try {
      const kept = this.key && JSON.parse(sessionStorage.getItem(this.key) ?? "null");
      if (!kept) return false;
      Object.assign(this, { x: kept.x, y: kept.y, scale: kept.scale });
    } catch {
      return false;
    }
    this.apply();
    return true;
  }

  apply() {
    const { clientWidth: width, clientHeight: height } = this.viewport;
    const plane = this.plane;
    // At least a part of the journey stays in view.
    this.x = Math.min(width - 60, Math.max(60 - plane.dataset.width * this.scale, this.x));
    this.y = Math.min(height - 60, Math.max(60 - plane.dataset.height * this.scale, this.y));
    plane.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
    this.viewport.style.backgroundPosition = `${this.x}px ${this.y}px`;
    const dots = 20 * this.scale * (this.scale < 0.5 ? 2 : 1);
    this.viewport.style.backgroundSize = `${dots}px ${dots}px`;
    plane.toggleAttribute("data-far", this.scale < FAR);
    plane.toggleAttribute("data-very-far", this.scale < VERY_FAR);
    this.overview.show();
    if (this.level) this.level.textContent = `${Math.round(this.scale * 100)} %`;
    if (this.key) sessionStorage.setItem(this.key, JSON.stringify({ x: this.x, y: this.y, scale: this.scale }));
    this.element.dispatchEvent(new CustomEvent("canvas:moved", { bubbles: true }));
  }

  /** At first: readable, the entry at the top, in the middle. */
  start() {
    const { clientWidth: width, clientHeight: height } = this.viewport;
    const fit = Math.min((width - PADDING) / this.plane.dataset.width, (height - PADDING) / this.plane.dataset.height);
    this.scale = Math.min(1, Math.max(fit, 0.75));
    this.x = width / 2 - this.entryMiddle * this.scale;
    this.y = 0;
    this.apply();
  }

  /** The whole journey; of one that is too large to be read that way, the part around the entry. */
  fit() {
    const { clientWidth: width, clientHeight: height } = this.viewport;
    const { width: planeWidth, height: planeHeight } = this.plane.dataset;
    const whole = Math.min((width - PADDING) / planeWidth, (height - PADDING) / planeHeight);
    this.scale = Math.min(1, Math.max(LEAST, whole));
    const middle = planeWidth * this.scale > width ? this.entryMiddle : planeWidth / 2;
    this.x = width / 2 - middle * this.scale;
    this.y = Math.max(0, (height - planeHeight * this.scale) / 2);
    this.apply();
  }

  get entryMiddle() {
    const entry = this.plane.querySelector("[data-step='entry']");
    return entry ? Number(entry.dataset.x) + entry.dataset.w / 2 : this.plane.dataset.width / 2;
  }

  zoom(factor, x = this.viewport.clientWidth / 2, y = this.viewport.clientHeight / 2) {
    const scale = Math.min(MOST, Math.max(LEAST, this.scale * factor));
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.apply();
  }

  /** Pans no more than needed to show a card. */
  reveal(card, margin = 24) {
    const { clientWidth: width, clientHeight: height } = this.viewport;
    const left = card.dataset.x * this.scale + this.x;
    const top = card.dataset.y * this.scale + this.y;
    const right = left + card.offsetWidth * this.scale;
    const bottom = top + card.offsetHeight * this.scale;
    if (left < margin) this.x += margin - left;
    else if (right > width - margin) this.x -= Math.min(right - width + margin, left - margin);
    if (top < margin) this.y += margin - top;
    else if (bottom > height - margin) this.y -= Math.min(bottom - height + margin, top - margin);
    this.apply();
  }

  /** Pans so that a point of the plane is in the middle. */
  center(x, y) {
    this.x = this.viewport.clientWidth / 2 - x * this.scale;
    this.y = this.viewport.clientHeight / 2 - y * this.scale;
    this.apply();
  }

  /** Where a point of the window is on the plane. */
  at(clientX, clientY) {
    const box = this.viewport.getBoundingClientRect();
    return { x: (clientX - box.left - this.x) / this.scale, y: (clientY - box.top - this.y) / this.scale };
  }

  listen() {
    this.viewport.addEventListener("pointerdown", (event) => this.down(event));
    this.viewport.addEventListener("pointermove", (event) => this.move(event));
    for (const type of ["pointerup", "pointercancel"]) this.viewport.addEventListener(type, (event) => this.up(event));
    this.viewport.addEventListener("click", (event) => this.click(event), true);
    this.viewport.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.viewport.addEventListener("scroll", () => this.viewport.scrollTo(0, 0));
    this.element.addEventListener("click", (event) => {
      const button = event.target.closest("[data-canvas-zoom]");
      if (!button) return;
      if (button.dataset.canvasZoom === "fit") this.fit();
      else this.zoom(button.dataset.canvasZoom === "in" ? STEP : 1 / STEP);
    });
    this.element.addEventListener("keydown", (event) => this.keys(event));
    this.element.addEventListener("focusin", (event) => {
      const card = event.target.closest?.(".jcard, .plus");
      if (card && event.target.matches(":focus-visible")) this.reveal(card);
    });
    let known = this.viewport.clientWidth;
    new ResizeObserver(() => {
      // What was in the middle stays there.
      this.x += (this.viewport.clientWidth - known) / 2;
      known = this.viewport.clientWidth;
      this.apply();
    }).observe(this.viewport);
  }

  down(event) {
    if (event.button !== 0 && event.button !== 1) return;
    if (event.target.closest("[data-no-pan], .canvas__tools, .canvas__map, .canvas__find")) return;
    if (event.shiftKey && this.plane.matches("[data-editable]")) return;
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.moved = false;
    this.start_ = { x: event.clientX, y: event.clientY, on: event.target.closest(".jcard") };
  }

  move(event) {
    const last = this.pointers.get(event.pointerId);
    if (!last) return;
    if (this.pointers.size === 2) {
      this.pinch(event, last);
      return;
    }
    // A card under a mouse is dragged, not the plane (the builder does that); a finger always pans.
    if (this.start_.on && this.plane.matches("[data-editable]") && event.pointerType === "mouse") return;
    if (!this.moved && Math.hypot(event.clientX - this.start_.x, event.clientY - this.start_.y) < 4) return;
    if (!this.moved) {
      this.moved = true;
      this.viewport.setPointerCapture(event.pointerId);
      this.viewport.classList.add("is-panning");
    }
    this.x += event.clientX - last.x;
    this.y += event.clientY - last.y;
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.apply();
  }

  pinch(event, last) {
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)[1];
    const before = Math.hypot(last.x - other.x, last.y - other.y);
    const after = Math.hypot(event.clientX - other.x, event.clientY - other.y);
    const box = this.viewport.getBoundingClientRect();
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.moved = true;
    if (before > 0) this.zoom(after / before, (event.clientX + other.x) / 2 - box.left, (event.clientY + other.y) / 2 - box.top);
  }

  up(event) {
    this.pointers.delete(event.pointerId);
    this.viewport.classList.remove("is-panning");
    setTimeout(() => (this.moved = false));
  }

  /** The end of a pan is no click. */
  click(event) {
    if (!this.moved) return;
    event.preventDefault();
    event.stopPropagation();
  }

  wheel(event) {
    event.preventDefault();
    if (event.ctrlKey || event.metaKey) {
      const box = this.viewport.getBoundingClientRect();
      this.zoom(Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
      return;
    }
    const unit = event.deltaMode === 1 ? 30 : 1;
    this.x -= (event.shiftKey ? event.deltaY : event.deltaX) * unit;
    this.y -= (event.shiftKey ? 0 : event.deltaY) * unit;
    this.apply();
  }

  keys(event) {
    if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    const card = event.target.closest(".jcard");
    if (event.key === "+" || event.key === "=") this.zoom(STEP);
    else if (event.key === "-") this.zoom(1 / STEP);
    else if (event.key === "0") this.fit();
    else if (event.key.startsWith("Arrow")) {
      const next = card ? this.neighbour(card, event.key) : this.plane.querySelector(".jcard");
      if (!next) return;
      focusCard(next);
      this.reveal(next);
    } else return;
    event.preventDefault();
  }

  /** Along the edges: up to what is before, down to what follows, left and right among the branches. */
  neighbour(card, key) {
    const byId = (id) => (id ? document.getElementById(id) : null);
    if (key === "ArrowUp") return byId(card.dataset.parent);
    if (key === "ArrowDown") return byId(card.dataset.children.split(" ")[0]);
    const direction = key === "ArrowRight" ? 1 : -1;
    const level = Number(card.dataset.y);
    const others = [...this.plane.querySelectorAll(".jcard")].filter((other) => {
      const distance = (Number(other.dataset.x) - Number(card.dataset.x)) * direction;
      return other !== card && distance > 0 && Math.abs(Number(other.dataset.y) - level) < 60;
    });
    const distance = (other) => Math.abs(other.dataset.x - card.dataset.x) + Math.abs(other.dataset.y - level);
    return others.sort((one, two) => distance(one) - distance(two))[0];
  }
}

export function focusCard(card) {
  (card.querySelector(".jcard__link") ?? card).focus({ preventScroll: true });
}

const canvases = new WeakMap();
mount("[data-canvas]", (element) => canvases.set(element, new Canvas(element)));

/** The object behind a canvas element. */
export function canvasOf(element) {
  return canvases.get(element);
}

/** Places planes that a swap brought, before the browser paints them. */
export function placeSwapped() {
  for (const plane of document.querySelectorAll(".canvas__plane:not([data-placed])")) {
    canvasOf(plane.closest("[data-canvas]"))?.refresh();
  }
}

for (const type of ["htmx:oobAfterSwap", "htmx:afterSwap", "htmx:afterRequest", "htmx:load"]) document.addEventListener(type, placeSwapped);
