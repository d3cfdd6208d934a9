// Line numbers beside the code, and rows for further settings. The page works without it.
const code = document.querySelector("[data-code-lines]");

if (code) {
  const frame = document.createElement("div");
  frame.className = "code-editor mono";
  const gutter = document.createElement("pre");
  gutter.setAttribute("aria-hidden", "true");
  code.before(frame);
  frame.append(gutter, code);
  const style = getComputedStyle(code);
  gutter.style.font = style.font;
  gutter.style.lineHeight = style.lineHeight;
  let shown = 0;
  const number = () => {
    const lines = code.value.split("\n").length;
    if (lines !== shown) gutter.textContent = Array.from({ length: lines }, (_, at) => at + 1).join("\n");
    shown = lines;
  };
  const follow = () => {
    gutter.style.height = `${code.offsetHeight}px`;
    gutter.scrollTop = code.scrollTop;
  };
  code.addEventListener("input", number);
  code.addEventListener("scroll", follow);
  new ResizeObserver(follow).observe(code);
  number();
}

const add = document.querySelector("[data-setting-add]");
if (add) {
  const rows = document.querySelector("[data-setting-rows]");
  add.hidden = false;
  add.addEventListener("click", () => {
    const row = rows.lastElementChild.cloneNode(true);
    const count = rows.children.length + 1;
    for (const input of row.querySelectorAll("input, select")) {
      input.value = input.name === "setting_type" ? "text" : "";
      input.setAttribute("aria-label", input.getAttribute("aria-label").replace(/\d+/, count));
    }
    rows.append(row);
    row.querySelector("input").focus();
  });
}
