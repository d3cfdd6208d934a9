// Wiring shared by the behaviours: run a function once for each matching element, now and after every swap.

export function mount(selector, attach) {
  const seen = new WeakSet();
  const scan = (root) => {
    const found = root.matches?.(selector) ? [root] : [];
    for (const element of [...found, ...root.querySelectorAll(selector)]) {
      if (!seen.has(element)) {
        seen.add(element);
        attach(element);
      }
    }
  };
  scan(document);
  document.addEventListener("htmx:load", (event) => scan(event.target));
  document.addEventListener("ui:added", (event) => scan(event.target));
}

/** Delegated listener: `handle(event, element)` for the closest match of the selector. */
export function on(type, selector, handle, options) {
  document.addEventListener(
    type,
    (event) => {
      const element = event.target instanceof Element ? event.target.closest(selector) : null;
      if (element) handle(event, element);
    },
    options,
  );
}

export function announce(text) {
  const region = document.getElementById("announcer");
  if (!region) return;
  region.textContent = "";
  setTimeout(() => (region.textContent = text), 30);
}

export function isTyping(target) {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable='true']") !== null;
}

/** Puts a fixed element beside an anchor, inside the window. */
export function place(element, anchor, { align = "start", gap = 4, matchWidth = false } = {}) {
  const box = anchor.getBoundingClientRect();
  if (matchWidth) element.style.minWidth = `${box.width}px`;
  const { offsetWidth: width, offsetHeight: height } = element;
  let left = align === "end" ? box.right - width : align === "center" ? box.left + box.width / 2 - width / 2 : box.left;
  left = Math.max(8, Math.min(left, document.documentElement.clientWidth - width - 8));
  const below = box.bottom + gap;
  const fits = below + height <= window.innerHeight - 8;
  const top = fits || box.top - gap - height < 8 ? below : box.top - gap - height;
  element.style.left = `${left}px`;
  element.style.top = `${Math.max(8, Math.min(top, window.innerHeight - height - 8))}px`;
}
