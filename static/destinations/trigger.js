// Condition rows above the trigger's text. The server reads the text (the preview brings rows along); this only writes it.
import { announce, mount } from "../js/dom.js";

const PATHS = { "event-property": "properties", "event-trait": "traits", "event-context": "context" };
const FIELDS = { "event-type": "type", event: "event", name: "name", userId: "userId" };
const WITHOUT_VALUE = { exists: "!= null", not_exists: "= null", is_true: "= true", is_false: "= false" };
const CALLS = {
  contains: (field, value) => `contains(${field}, "${value}")`,
  not_contains: (field, value) => `!contains(${field}, "${value}")`,
  starts_with: (field, value) => `match(${field}, "${value}*")`,
  not_starts_with: (field, value) => `!match(${field}, "${value}*")`,
  ends_with: (field, value) => `match(${field}, "*${value}")`,
  not_ends_with: (field, value) => `!match(${field}, "*${value}")`,
};
const NUMERIC = [">", ">=", "<", "<="];
const NUMBER = /^[+-]?\d+(\.\d+)?$/;
const TEXT_TESTS = ["=", "!=", ...Object.keys(CALLS)];
// What each kind of field can be compared with (spec: FQL, section 1).
const OPERATORS = {
  "event-type": ["=", "!="],
  event: TEXT_TESTS,
  name: [...TEXT_TESTS, "exists", "not_exists"],
  userId: [...TEXT_TESTS, "exists", "not_exists"],
};

function part(row, name) {
  return row.querySelector(`[data-part="${name}"]`);
}

function written(row) {
  const [type, operator] = [part(row, "type").value, part(row, "operator").value];
  const path = part(row, "name").value.trim();
  const value = part(row, "value").value;
  const field = PATHS[type] ? `${PATHS[type]}.${path.replace(/[^A-Za-z0-9._-]/g, "\\$&")}` : FIELDS[type];
  if (WITHOUT_VALUE[operator]) return `${field} ${WITHOUT_VALUE[operator]}`;
  if (CALLS[operator]) return CALLS[operator](field, value);
  const isNumber = NUMBER.test(value) && (PATHS[type] || NUMERIC.includes(operator));
  return `${field} ${operator} ${isNumber ? value : `"${value}"`}`;
}

function fit(row) {
  const [type, operator] = [part(row, "type"), part(row, "operator")];
  const inGroup = row.closest("[data-group-rows]") !== null;
  part(row, "name").hidden = !PATHS[type.value];
  for (const option of operator.options) {
    const known = OPERATORS[type.value];
    // A function inside of parentheses would end the group too early.
    option.hidden = option.disabled = (known && !known.includes(option.value)) || (inGroup && option.value in CALLS);
  }
  if (operator.selectedOptions[0]?.disabled) operator.value = "=";
  const value = part(row, "value");
  value.hidden = Boolean(WITHOUT_VALUE[operator.value]);
  value.setCustomValidity(value.value.includes('"') ? "A value cannot hold a double quote." : "");
  value.inputMode = NUMERIC.includes(operator.value) ? "decimal" : "text";
}

class Builder {
  constructor(element) {
    this.element = element;
    this.text = document.getElementById(element.dataset.triggerBuilder);
    this.section = element.closest("section");
    this.textBox = this.section.querySelector("[data-trigger-text]");
    this.list = element.querySelector("[data-trigger-rows]");
    this.joiner = element.querySelector("[data-trigger-joiner]");
    this.note = this.section.querySelector("[data-trigger-note]");
    this.modes = this.section.querySelector("[data-trigger-modes]");
    this.mode = "rows";
    this.ours = false;
    this.modes.hidden = false;
    this.listen();
    this.show(JSON.parse(element.dataset.rows));
  }

  listen() {
    for (const type of ["input", "change"]) {
      this.element.addEventListener(type, (event) => {
        event.stopPropagation();
        if (type === "input") this.write();
      });
    }
    this.element.addEventListener("click", (event) => this.click(event));
    this.modes.addEventListener("click", (event) => {
      const button = event.target.closest("[data-trigger-mode]");
      if (button) this.choose(button.dataset.triggerMode);
    });
    this.text.addEventListener("input", (event) => {
      if (event.isTrusted) this.ours = false;
    });
    // A text that somebody typed comes back from the server as rows.
    document.addEventListener("htmx:afterSwap", (event) => {
      if (event.target.id !== "mapping-preview" || this.ours) return;
      const found = document.getElementById("trigger-rows");
      if (found) this.show(JSON.parse(found.dataset.rows));
    });
  }

  click(event) {
    if (event.target.closest("[data-trigger-add]")) {
      part(this.add(this.list, { type: "event-type", operator: "=", value: "track" }), "type").focus();
      this.write();
    } else if (event.target.closest("[data-trigger-add-group]")) {
      const group = this.addGroup({ operator: "or", rows: [{ type: "event", operator: "=", value: "" }, { type: "event", operator: "=", value: "" }] });
      part(group.querySelector(".trigger-row"), "type").focus();
      this.write();
    } else if (event.target.closest("[data-group-add]")) {
      const rows = event.target.closest(".trigger-group").querySelector("[data-group-rows]");
      part(this.add(rows, { type: "event", operator: "=", value: "" }), "type").focus();
      this.write();
    } else if (event.target.closest("[data-trigger-remove]")) {
      this.remove(event.target.closest("li"));
    }
  }

  remove(item) {
    const group = item.parentElement.closest(".trigger-group");
    const whole = group && item.parentElement.children.length === 1 ? group : item;
    const next = whole.nextElementSibling ?? whole.previousElementSibling;
    whole.remove();
    this.write();
    announce("Removed");
    (next?.querySelector("select") ?? this.element.querySelector("[data-trigger-add]")).focus();
  }

  write() {
    for (const row of this.element.querySelectorAll(".trigger-row")) fit(row);
    this.text.value = [...this.list.children]
      .map((item) => {
        if (!item.matches(".trigger-group")) return written(item);
        const rows = [...item.querySelector("[data-group-rows]").children].map(written);
        return `(${rows.join(` ${item.querySelector("[data-group-joiner]").value} `)})`;
      })
      .join(` ${this.joiner.value} `);
    this.ours = true;
    this.text.dispatchEvent(new Event("input", { bubbles: true }));
  }

  add(list, values) {
    const row = this.section.querySelector("[data-trigger-row]").content.firstElementChild.cloneNode(true);
    list.append(row);
    for (const [name, value] of Object.entries(values)) part(row, name).value = value;
    fit(row);
    return row;
  }

  addGroup(values) {
    const group = this.section.querySelector("[data-trigger-group]").content.firstElementChild.cloneNode(true);
    this.list.append(group);
    group.querySelector("[data-group-joiner]").value = values.operator;
    for (const row of values.rows) this.add(group.querySelector("[data-group-rows]"), row);
    return group;
  }

  /** The rows of the text as the server read it; null for a text that rows cannot show. */
  show(tree) {
    const isEmpty = this.text.value.trim() === "";
    this.canShow = tree !== null || isEmpty;
    if (tree) {
      this.joiner.value = tree.operator;
      this.list.replaceChildren();
      for (const item of tree.items) {
        if (item.rows) this.addGroup(item);
        else this.add(this.list, item);
      }
    } else if (isEmpty) {
      this.list.replaceChildren();
    }
    this.draw();
  }

  choose(mode) {
    this.mode = mode;
    this.ours = false;
    this.draw();
    if (mode === "text") this.text.focus();
    else (this.list.querySelector("select") ?? this.element.querySelector("[data-trigger-add]")).focus();
  }

  draw() {
    const asRows = this.mode === "rows" && this.canShow;
    this.element.hidden = !asRows;
    this.textBox.hidden = asRows;
    // What is wrong with the text is said by the server, in place of the note.
    this.note.hidden = this.canShow || document.getElementById("trigger-marks")?.firstElementChild !== null;
    for (const button of this.modes.children) {
      const isRows = button.dataset.triggerMode === "rows";
      button.setAttribute("aria-pressed", String(isRows === asRows));
      if (isRows) {
        button.disabled = !this.canShow;
        button.title = this.canShow ? "" : "This trigger cannot be shown as conditions";
      }
    }
  }
}

mount("[data-trigger-builder]", (element) => new Builder(element));
