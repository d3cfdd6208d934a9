// The mapping editor: what can be inserted into a source, suggestions, the search among traits. Everything else is posts.
import { announce, mount, on, place } from "../js/dom.js";

const editor = document.querySelector("[data-mapping-editor]");
const picker = document.querySelector("[data-picker]");
const PATH = /^\$\.?[^\s(){}]*$/;
const CALL = /^[a-z_]+\(/;
const PEOPLE = ["traits", "context.traits", "properties"];
const LONGEST = 48;
let target = null;
let caret = [0, 0];

function changed(field) {
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

function quoted(text) {
  return JSON.stringify(text);
}

/** The value of a source as the argument of a function. */
function argument(text) {
  const value = text.trim();
  if (PATH.test(value) || CALL.test(value) || /^["{[]/.test(value) || /^(-?\d+(\.\d+)?|true|false|null)$/.test(value)) {
    return value.startsWith("{{") ? quoted(value) : value;
  }
  return quoted(value);
}

function put(text, start = text.length, end = start) {
  target.value = text;
  picker.hidePopover();
  target.focus();
  target.setSelectionRange(start, end);
  changed(target);
}

/** A path of the event: alone it is the source, inside a function an argument, beside other text a token. */
function insertPath(path) {
  const text = target.value;
  const [from, to] = caret;
  const isAll = text.trim() === "" || (from === 0 && to === text.length);
  if (isAll) return put(path.call ?? `$.${path.path}`);
  if (CALL.test(text.trim()) || /^[{[]/.test(text.trim())) {
    const own = /^[{[]/.test(text.trim()) && !text.trim().startsWith("{{") ? `{"@path": "$.${path.path}"}` : path.call ?? `$.${path.path}`;
    return put(text.slice(0, from) + own + text.slice(to), from + own.length);
  }
  const token = `{{${path.path}}}`;
  if (PATH.test(text.trim()) && text.trim().startsWith("$")) {
    const first = `{{${text.trim().replace(/^\$\.?/, "")}}}`;
    return put(`${first} ${token}`);
  }
  return put(text.slice(0, from) + token + text.slice(to), from + token.length);
}

function insertFunction(name) {
  const given = target.value.trim() ? argument(target.value) : "$.";
  const made = {
    coalesce: () => `coalesce(${given}, $.)`,
    replace: () => `replace(${given}, " ", "-")`,
    flatten: () => `flatten(${given}, "_")`,
    concat: () => `concat(${given}, " ", $.)`,
    if: () => `if(${given}, ${given}, "")`,
    template: () => (PATH.test(given) ? `{{${given.replace(/^\$\.?/, "")}}}` : target.value.trim() || "{{}}"),
  };
  const text = made[name] ? made[name]() : `${name}(${given})`;
  const hole = text.lastIndexOf("$.)");
  if (hole >= 0) return put(text, hole, hole + 2);
  const first = text.indexOf("$.)") >= 0 ? text.indexOf("$.)") : text.indexOf("($.,");
  return first >= 0 ? put(text, first + 1, first + 3) : put(text);
}

function insertStatic(kind) {
  const input = picker.querySelector("[data-static-value]");
  const note = picker.querySelector("[data-static-note]");
  const value = input.value;
  note.textContent = "";
  if (["true", "false", "null"].includes(kind)) return put(kind);
  if (kind === "number" && !/^-?\d+(\.\d+)?$/.test(value.trim())) {
    note.textContent = "That is not a number.";
    return input.focus();
  }
  if (kind === "number") return put(value.trim());
  // What would be read as something else stays text in quotes.
  const isPlain = value.trim() !== "" && value === value.trim() && !/^[$"{[]|^(-?\d|true$|false$|null$)|\{\{/.test(value) && !CALL.test(value);
  return put(isPlain ? value : quoted(value));
}

function shown(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}

function paths(value, path = "", depth = 0) {
  if (value === null || typeof value !== "object" || Array.isArray(value) || depth > 5) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    if (key.includes(".")) return [];
    const here = path ? `${path}.${key}` : key;
    return [{ path: here, hint: shown(inner) }, ...paths(inner, here, depth + 1)];
  });
}

function fill(name, options, none) {
  const list = picker.querySelector(`[data-picker-list="${name}"]`);
  list.replaceChildren(
    ...options.map((option) => {
      const item = document.createElement("button");
      item.type = "button";
      item.className = "picker__item";
      const label = document.createElement("span");
      label.className = "mono";
      label.textContent = option.path;
      const hint = document.createElement("span");
      hint.className = "muted truncate";
      hint.textContent = option.hint;
      item.append(label, hint);
      item.addEventListener("click", () => insertPath(option));
      return item;
    }),
  );
  if (options.length > 0) return;
  const note = document.createElement("p");
  note.className = "muted small picker__none";
  note.textContent = none;
  list.append(note);
}

function tab(name, focuses) {
  for (const button of picker.querySelectorAll("[data-picker-tab]")) {
    const isIt = button.dataset.pickerTab === name;
    button.setAttribute("aria-selected", String(isIt));
    button.tabIndex = isIt ? 0 : -1;
    document.getElementById(button.getAttribute("aria-controls")).hidden = !isIt;
    if (isIt && focuses) button.focus();
  }
}

function open(button) {
  target = document.getElementById(button.dataset.pick);
  caret = [target.selectionStart ?? target.value.length, target.selectionEnd ?? target.value.length];
  let event = {};
  let none = "The sample event is empty.";
  try {
    event = JSON.parse(document.getElementById("sample-event").value);
  } catch {
    none = "The sample event is not valid JSON. Mend it to choose from it.";
  }
  fill("event", paths(event), none);
  const traits = JSON.parse(document.getElementById("mapping-traits").textContent);
  const anywhere = (key) => `coalesce(${PEOPLE.map((place) => `$.${place}.${key}`).join(", ")})`;
  fill("traits", traits.map((key) => ({ path: `traits.${key}`, hint: "wherever the call has it", call: anywhere(key) })), "No traits have been seen in this space yet.");
  for (const search of picker.querySelectorAll("[data-picker-search]")) search.value = "";
  picker.showPopover({ source: button });
  place(picker, button, { align: "end" });
  tab("event", false);
  picker.querySelector("[data-picker-search]").focus();
}

/** Inputs of a hook that count under a condition are shown under it. */
function showUnder(hook) {
  const valueOf = (key) => {
    const input = hook.querySelector(`[name$="-${CSS.escape(key)}"]`);
    return input?.type === "checkbox" ? input.checked : (input?.value ?? "");
  };
  const holds = ({ field, is, value }) => (value === null ? valueOf(field) === "" : valueOf(field) === value) === is;
  for (const part of hook.querySelectorAll("[data-hook-when]")) {
    const { match, clauses } = JSON.parse(part.dataset.hookWhen);
    part.hidden = !(match === "any" ? clauses.some(holds) : clauses.every(holds));
  }
}

if (editor && picker) {
  mount("[data-hook]", (hook) => {
    hook.addEventListener("change", () => showUnder(hook));
    showUnder(hook);
  });
  mount("[data-pick]", (button) => (button.hidden = false));
  mount("[data-accept], [data-reject], [data-paste-sample], [data-enrich-search]", (element) => (element.hidden = false));
  on("click", "[data-pick]", (_event, button) => open(button));

  picker.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.pickerTab) tab(button.dataset.pickerTab, true);
    else if (button?.dataset.function) insertFunction(button.dataset.function);
    else if (button?.dataset.static) insertStatic(button.dataset.static);
  });
  picker.addEventListener("input", (event) => {
    if (!event.target.matches("[data-picker-search]")) return;
    const wanted = event.target.value.trim().toLowerCase();
    const items = [...event.target.closest("[role=tabpanel]").querySelectorAll(".picker__item")];
    for (const item of items) item.hidden = !item.textContent.toLowerCase().includes(wanted);
    announce(`${items.filter((item) => !item.hidden).length} found`);
  });
  picker.addEventListener("keydown", (event) => {
    const tabs = [...picker.querySelectorAll("[data-picker-tab]")];
    const at = tabs.indexOf(event.target);
    if (at >= 0 && (event.key === "ArrowRight" || event.key === "ArrowLeft")) {
      event.preventDefault();
      tab(tabs.at((at + (event.key === "ArrowRight" ? 1 : -1)) % tabs.length).dataset.pickerTab, true);
      return;
    }
    const items = [...picker.querySelectorAll("[role=tabpanel]:not([hidden]) .picker__item:not([hidden])")];
    const index = items.indexOf(document.activeElement);
    if (event.key === "ArrowDown" && at < 0 && items.length > 0) {
      event.preventDefault();
      items[Math.min(index + 1, items.length - 1)].focus();
    } else if (event.key === "ArrowUp" && index >= 0) {
      event.preventDefault();
      (items[index - 1] ?? picker.querySelector("[role=tabpanel]:not([hidden]) input"))?.focus();
    } else if (event.key === "Enter" && event.target.matches("[data-picker-search]")) {
      event.preventDefault();
      items[0]?.click();
    } else if (event.key === "Enter" && event.target.matches("[data-static-value]")) {
      event.preventDefault();
      insertStatic("text");
    }
  });
  picker.addEventListener("toggle", (event) => {
    if (event.newState === "closed" && picker.contains(document.activeElement)) target?.focus();
  });

  on("click", "[data-accept]", (_event, button) => {
    const row = button.closest("[data-suggested]");
    delete row.dataset.suggested;
    row.querySelector(".suggestion").remove();
    row.querySelector("[data-source]").focus();
    announce("Accepted");
  });
  on("click", "[data-reject]", (_event, button) => {
    const row = button.closest("[data-suggested]");
    const source = row.querySelector("[data-source]");
    delete row.dataset.suggested;
    row.querySelector(".suggestion").remove();
    source.value = "";
    source.focus();
    changed(source);
  });

  on("click", "[data-paste-sample]", async () => {
    const sample = document.getElementById("sample-event");
    sample.focus();
    sample.select();
    try {
      const text = await navigator.clipboard.readText();
      if (text.trim()) {
        sample.value = text;
        changed(sample);
      }
    } catch {
      announce("Paste with the keyboard: the browser does not allow reading the clipboard.");
    }
  });

  const count = () => {
    let total = 0;
    for (const group of document.querySelectorAll("[data-enrich-group]")) {
      const chosen = group.querySelectorAll("input:checked").length;
      group.querySelector("[data-enrich-count]").textContent = String(chosen);
      total += chosen;
    }
    document.querySelector("[data-enrich-total]").textContent = `${total} selected`;
  };
  on("change", "[data-enrich-trait] input", count);
  on("input", "[data-enrich-search] input", (event, input) => {
    event.stopPropagation();
    const wanted = input.value.trim().toLowerCase();
    let found = 0;
    for (const group of document.querySelectorAll("[data-enrich-group]")) {
      const traits = [...group.querySelectorAll("[data-enrich-trait]")];
      for (const trait of traits) trait.hidden = !trait.dataset.enrichTrait.toLowerCase().includes(wanted);
      const visible = traits.filter((trait) => !trait.hidden).length;
      group.hidden = visible === 0;
      if (wanted && visible > 0) group.open = true;
      found += visible;
    }
    document.querySelector("[data-enrich-none]").hidden = found > 0;
  });

  // Choices that depend on other fields are asked for with what those hold.
  document.addEventListener("focusin", (event) => {
    const wrapper = event.target.closest?.("#fields .combobox");
    if (!wrapper) return;
    const others = {};
    for (const source of document.querySelectorAll("[data-source]")) {
      const value = source.value.trim();
      if (value && !/^[$"{[]|\{\{/.test(value) && !CALL.test(value)) others[source.dataset.source] = value;
    }
    wrapper.dataset.params = JSON.stringify({ ...JSON.parse(wrapper.dataset.params), payload: JSON.stringify(others) });
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    if (["sample", "fields", "hooks"].includes(event.target.id)) {
      document.getElementById("mapping-preview").dispatchEvent(new Event("mapping:changed"));
    }
    if (["compare", "test-result"].includes(event.target.id)) event.target.scrollIntoView?.({ block: "nearest" });
  });
}
