// Find a step: marks the cards with these words; Enter goes to the next one, Shift Enter to the one before.
export class Finder {
  constructor(canvas) {
    this.canvas = canvas;
    this.box = canvas.element.querySelector("[data-canvas-find]");
    if (!this.box) return;
    this.field = this.box.querySelector("input");
    this.said = this.box.querySelector("[data-canvas-found]");
    this.at = -1;
    this.box.hidden = false;
    this.field.addEventListener("input", () => {
      this.at = -1;
      if (this.mark().length) this.next(1);
    });
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        this.next(event.shiftKey ? -1 : 1);
      } else if (event.key === "Escape" && this.field.value) {
        event.preventDefault();
        event.stopPropagation();
        this.field.value = "";
        this.mark();
      }
    });
  }

  mark() {
    const words = this.field.value.trim().toLowerCase();
    const found = [];
    for (const card of this.canvas.plane.querySelectorAll(".jcard--step")) {
      const isFound = Boolean(words) && card.querySelector(".jcard__text").textContent.toLowerCase().includes(words);
      card.classList.toggle("is-found", isFound);
      card.classList.remove("is-current");
      if (isFound) found.push(card);
    }
    this.said.textContent = words && !found.length ? "No step" : "";
    return found;
  }

  next(direction) {
    const found = this.mark();
    if (!found.length) return;
    this.at = (this.at + direction + found.length) % found.length;
    const card = found[this.at];
    card.classList.add("is-current");
    this.said.textContent = `${this.at + 1} of ${found.length}`;
    const { x, y, w, h } = card.dataset;
    this.canvas.center(Number(x) + w / 2, Number(y) + h / 2);
  }
}
