// JSON and code blocks: copy, find, folding and the path of a line. Everything is read off the two-space indent.
import { announce, mount, on } from "./dom.js";

export async function copyText(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // No clipboard permission, or plain http: select through a field instead.
    const field = document.createElement("textarea");
    field.value = text;
    (button?.closest("dialog") ?? document.body).append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
    button?.focus();
  }
  announce("Copied");
  if (!button) return;
  const before = button.innerHTML;
  button.textContent = button.classList.contains("button--icon") ? "✓" : "Copied";
  button.disabled = true;
  setTimeout(() => {
    button.innerHTML = before;
    button.disabled = false;
  }, 1200);
}

function depthOf(line) {
  return line.text.length - line.text.trimStart().length;
}

function keyOf(text) {
  const match = /^\s*("(?:[^"\\]|\\.)*"):/.exec(text);
  return match ? JSON.parse(match[1]) : null;
}

/** "properties.items[2].sku" of a line. */
function pathOf(lines, index) {
  const parts = [];
  let depth = depthOf(lines[index]);
  let at = index;
  while (depth > 0) {
    let parent = at - 1;
    while (parent >= 0 && depthOf(lines[parent]) >= depth) parent -= 1;
    const key = keyOf(lines[at].text);
    if (key !== null) parts.unshift(/^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`);
    else {
      const siblings = lines.slice(parent + 1, at).filter((line) => depthOf(line) === depth && !/^\s*[\]}]/.test(line.text));
      parts.unshift(`[${siblings.length}]`);
    }
    at = parent;
    depth = at >= 0 ? depthOf(lines[at]) : 0;
  }
  return parts.join("").replace(/^\./, "");
}

function foldable(lines, block) {
  lines.forEach((line, index) => {
    if (!/[[{]$/.test(line.text)) return;
    const end = lines.findIndex((other, at) => at > index && depthOf(other) <= depthOf(line));
    if (end < 0 || end - index < 2) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "code__fold";
    button.setAttribute("aria-expanded", "true");
    button.setAttribute("aria-label", `Fold ${pathOf(lines, index) || "everything"}`);
    button.addEventListener("click", (event) => {
      event.stopPropagation();
      const folded = button.getAttribute("aria-expanded") === "true";
      button.setAttribute("aria-expanded", String(!folded));
      line.folds = folded ? end : 0;
      draw(lines);
    });
    line.element.prepend(button);
  });
  block.dataset.ready = "true";
}

function draw(lines) {
  let until = 0;
  lines.forEach((line, index) => {
    line.element.hidden = index < until;
    if (index >= until && line.folds) until = line.folds;
  });
}

mount("[data-code]", (block) => {
  const elements = [...block.querySelectorAll(".code__line")];
  const lines = elements.map((element) => ({ element, text: element.textContent.replace(/\n$/, ""), folds: 0 }));
  for (const tool of block.querySelectorAll("[data-code-tool]")) tool.hidden = false;
  block.querySelector("[data-code-copy]")?.addEventListener("click", (event) => {
    copyText(lines.map((line) => line.text).join("\n"), event.currentTarget);
  });
  block.querySelector("[data-code-search]")?.addEventListener("input", (event) => {
    const needle = event.target.value.trim().toLowerCase();
    let first = null;
    let hits = 0;
    for (const line of lines) {
      const hit = needle !== "" && line.text.toLowerCase().includes(needle);
      line.element.classList.toggle("is-hit", hit);
      if (hit) {
        hits += 1;
        first ??= line.element;
      }
    }
    if (first?.hidden) {
      for (const line of lines) line.folds = 0;
      for (const fold of block.querySelectorAll(".code__fold")) fold.setAttribute("aria-expanded", "true");
      draw(lines);
    }
    if (first) {
      const pre = first.closest("pre");
      pre.scrollTop = first.offsetTop - pre.offsetTop - pre.clientHeight / 3;
    }
    if (needle) announce(`${hits} lines match`);
  });
  if (!block.hasAttribute("data-json")) return;
  if (lines.length <= 2000) foldable(lines, block);
  const shown = block.querySelector("[data-code-path]");
  const copyPath = block.querySelector("[data-code-copy-path]");
  let path = "";
  elements.forEach((element, index) => {
    element.addEventListener("click", () => {
      elements.forEach((other) => other.classList.toggle("is-selected", other === element));
      path = pathOf(lines, index);
      shown.textContent = path;
      copyPath.disabled = path === "";
    });
  });
  copyPath?.addEventListener("click", () => copyText(path, copyPath));
});

on("click", "[data-copy]", (_event, button) => copyText(button.dataset.copy, button));
