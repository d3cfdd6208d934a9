// The side sheet: a link with hx-target="#sheet" and data-panel="kind:ID" opens it and keeps ?panel= in the URL.
import { on } from "./dom.js";
import { ask } from "./dialogs.js";

const sheet = document.getElementById("sheet");
let opener = null;
let dirty = false;

function panelInUrl() {
  return new URLSearchParams(location.search).get("panel");
}

function setPanel(panel, method) {
  const url = new URL(location.href);
  if (panel) url.searchParams.set("panel", panel);
  else url.searchParams.delete("panel");
  if (url.href !== location.href) history[method]({ ...history.state, panel }, "", url);
}

function openerFor(panel) {
  return document.querySelector(`[data-panel="${CSS.escape(panel)}"]`);
}

function markRow() {
  for (const row of document.querySelectorAll("[data-open='true']")) delete row.dataset.open;
  const panel = panelInUrl();
  const link = panel ? openerFor(panel) : opener?.isConnected ? opener : null;
  const row = link?.closest("tr, li, [data-id]");
  if (row) row.dataset.open = "true";
}

function open() {
  if (!sheet.open) sheet.showModal();
  sheet.querySelector("#sheet-title")?.focus();
}

/** Closes the sheet unless somebody wants to keep what they typed. */
export async function closeSheet({ force = false } = {}) {
  if (!sheet?.open) return true;
  if (dirty && !force && (await ask("discard-dialog")) !== "discard") return false;
  dirty = false;
  sheet.close();
  return true;
}

async function step(direction) {
  const kind = `${panelInUrl()?.split(":")[0]}:`;
  const links = [...document.querySelectorAll("[data-panel]")].filter((link) => link.dataset.panel.startsWith(kind));
  const next = links[links.findIndex((link) => link.dataset.panel === panelInUrl()) + direction];
  if (!next || (dirty && (await ask("discard-dialog")) !== "discard")) return;
  dirty = false;
  next.click();
}

if (sheet) {
  on("click", "[data-panel]", (event, link) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    opener = link;
    const replaces = sheet.open || panelInUrl() === link.dataset.panel;
    setPanel(link.dataset.panel, replaces ? "replaceState" : "pushState");
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== sheet) return;
    dirty = event.detail.xhr.status === 422 && dirty;
    if (sheet.innerHTML.trim() === "") closeSheet({ force: true });
    else open();
    markRow();
  });

  on("click", "[data-sheet-close]", () => closeSheet());
  sheet.addEventListener("cancel", (event) => {
    if (event.target !== sheet) return;
    event.preventDefault();
    closeSheet();
  });
  sheet.addEventListener("mousedown", (event) => {
    if (event.target === sheet && event.clientX < sheet.getBoundingClientRect().left) closeSheet();
  });
  sheet.addEventListener("close", (event) => {
    if (event.target !== sheet) return;
    const panel = panelInUrl();
    setPanel(null, "replaceState");
    sheet.replaceChildren();
    markRow();
    (opener?.isConnected ? opener : panel && openerFor(panel))?.focus();
    opener = null;
  });
  sheet.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    if (event.target !== sheet && event.target.id !== "sheet-title" && !event.target.closest(".sheet__header")) return;
    event.preventDefault();
    step(event.key === "ArrowDown" ? 1 : -1);
  });
  for (const type of ["input", "change"]) {
    sheet.addEventListener(type, (event) => {
      if (event.target.closest("form[data-guard]")) dirty = true;
    });
  }
  // Server says the work is done: HX-Trigger: sheet:close
  document.addEventListener("sheet:close", () => closeSheet({ force: true }));
  document.addEventListener("sheet:saved", () => (dirty = false));
  window.addEventListener("popstate", () => {
    const panel = panelInUrl();
    if (!panel) closeSheet({ force: true });
    else openerFor(panel)?.click();
  });
  window.addEventListener("beforeunload", (event) => {
    if (dirty) event.preventDefault();
  });
  sheet.addEventListener("submit", () => (dirty = false));

  // A pasted link or a reload: the server filled the sheet, or the row's own link does.
  if (sheet.children.length > 0) open();
  else if (panelInUrl()) {
    const start = () => openerFor(panelInUrl())?.click();
    if (document.readyState === "complete") start();
    else window.addEventListener("load", start, { once: true });
    // The row may come with a fragment that is loaded later.
    const late = () => {
      if (sheet.open || !panelInUrl()) document.removeEventListener("htmx:load", late);
      else if (openerFor(panelInUrl())) {
        document.removeEventListener("htmx:load", late);
        start();
      }
    };
    document.addEventListener("htmx:load", late);
  }
  markRow();
}
