// The small map of a journey that is larger than its canvas: where the cards are and what of them is in view.
const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 168;
const HEIGHT = 112;
const FEW = 12;

export class Overview {
  constructor(canvas) {
    this.canvas = canvas;
    this.svg = canvas.element.querySelector("[data-canvas-map]");
    if (!this.svg) return;
    this.window = document.createElementNS(SVG, "rect");
    this.window.setAttribute("class", "canvas__window");
    this.svg.addEventListener("pointerdown", (event) => {
      this.svg.setPointerCapture(event.pointerId);
      this.go(event);
    });
    this.svg.addEventListener("pointermove", (event) => {
      if (this.svg.hasPointerCapture(event.pointerId)) this.go(event);
    });
    this.draw();
  }

  draw() {
    if (!this.svg) return;
    const plane = this.canvas.plane;
    const { width, height } = plane.dataset;
    const scale = Math.min(WIDTH / width, HEIGHT / height);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.setAttribute("width", String(Math.max(24, Math.round(width * scale))));
    this.svg.setAttribute("height", String(Math.round(height * scale)));
    const cards = [...plane.querySelectorAll(".jcard")].map((card) => {
      const box = document.createElementNS(SVG, "rect");
      for (const [name, key] of [["x", "x"], ["y", "y"], ["width", "w"], ["height", "h"]]) box.setAttribute(name, card.dataset[key]);
      if (card.classList.contains("is-lit")) box.setAttribute("class", "is-lit");
      return box;
    });
    this.svg.replaceChildren(...cards, this.window);
  }

  /** After a pan or zoom; the map is there only while a part of a journey that is not small is out of view. */
  show() {
    if (!this.svg) return;
    const { x, y, scale, viewport, plane } = this.canvas;
    const { clientWidth: width, clientHeight: height } = viewport;
    const isWhole = x >= 0 && y >= 0 && x + plane.dataset.width * scale <= width && y + plane.dataset.height * scale <= height;
    this.svg.toggleAttribute("hidden", isWhole || width < 480 || plane.querySelectorAll(".jcard").length <= FEW);
    const area = { x: -x / scale, y: -y / scale, width: width / scale, height: height / scale };
    for (const [name, value] of Object.entries(area)) this.window.setAttribute(name, String(value));
  }

  /** Shows what is at the pointer in the middle of the canvas. */
  go(event) {
    const box = this.svg.getBoundingClientRect();
    const { width, height } = this.canvas.plane.dataset;
    this.canvas.center(((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height);
  }
}
