// Condition rows above the trigger's text. The server reads the text (the preview brings rows along); this only writes it.
const builder = document.querySelector("[data-trigger-builder]");

const PATHS = { "event-property": "properties", "event-trait": "traits", "event-context": "context" };
const FIELDS = { "event-type": "type", event: "event", name: "name", userId: "userId" };
const WITHOUT_VALUE = { exists: "!= null", not_exists: "= null", is_true: "= true", is_false: "= false" };
const NUMERIC = [">", ">=", "<", "<="];
const NUMBER = /^[+-]?\d+(\.\d+)?$/;
// What each kind of field can be compared with (spec: FQL, section 1).
const OPERATORS = {
  "event-type": ["=", "!="],
  event: ["=", "!=", "contains", "not_contains", "starts_with", "ends_with"],
  name: ["=", "!=", "contains", "not_contains", "starts_with", "ends_with", "exists", "not_exists"],
  userId: ["=", "!=", "contains", "not_contains", "starts_with", "ends_with", "exists", "not_exists"],
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
  if (operator === "contains") return `contains(${field}, "${value}")`;
  if (operator === "not_contains") return `!contains(${field}, "${value}")`;
  if (operator === "starts_with") return `match(${field}, "${value}*")`;
  if (operator === "ends_with") return `match(${field}, "*${value}")`;
  const isNumber = NUMBER.test(value) && (PATHS[type] || NUMERIC.includes(operator));
  return `${field} ${operator} ${isNumber ? value : `"${value}"`}`;
}

function fit(row) {
  const [type, operator] = [part(row, "type"), part(row, "operator")];
  part(row, "name").hidden = !PATHS[type.value];
  for (const option of operator.options) {
    option.hidden = option.disabled = Boolean(OPERATORS[type.value]) && !OPERATORS[type.value].includes(option.value);
  }
  if (operator.selectedOptions[0]?.disabled) operator.value = "=";
  const value = part(row, "value");
  value.hidden = Boolean(WITHOUT_VALUE[operator.value]);
  value.setCustomValidity(value.value.includes('"') ? "A value cannot hold a double quote." : "");
  value.inputMode = NUMERIC.includes(operator.value) ? "decimal" : "text";
}

if (builder) {
  const text = document.getElementById(builder.dataset.triggerBuilder);
  const list = builder.querySelector("[data-trigger-rows]");
  const joiner = builder.querySelector("[data-trigger-joiner]");
  const note = document.querySelector("[data-trigger-note]");
  const template = document.querySelector("[data-trigger-row]");
  let ours = false;

  const write = () => {
    const rows = [...list.children];
    rows.forEach(fit);
    text.value = rows.map(written).join(` ${joiner.value} `);
    ours = true;
    text.dispatchEvent(new Event("input", { bubbles: true }));
  };

  const add = (values) => {
    const row = template.content.firstElementChild.cloneNode(true);
    for (const [name, value] of Object.entries(values)) part(row, name).value = value;
    list.append(row);
    fit(row);
    return row;
  };

  const show = (tree) => {
    builder.hidden = !tree && text.value.trim() !== "";
    note.hidden = !builder.hidden;
    if (!tree) return;
    joiner.value = tree.operator;
    list.replaceChildren();
    tree.rows.forEach(add);
  };

  list.addEventListener("input", (event) => {
    event.stopPropagation();
    write();
  });
  joiner.addEventListener("input", (event) => {
    event.stopPropagation();
    write();
  });
  list.addEventListener("click", (event) => {
    const remove = event.target.closest("[data-trigger-remove]");
    if (!remove) return;
    const row = remove.closest("li");
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    write();
    (next ? part(next, "type") : builder.querySelector("[data-trigger-add]")).focus();
  });
  builder.querySelector("[data-trigger-add]").addEventListener("click", () => {
    part(add({ type: "event-type", operator: "=", value: "track" }), "type").focus();
    write();
  });
  text.addEventListener("input", (event) => {
    if (event.isTrusted) ours = false;
  });
  // A text that somebody typed, or the first one, comes back from the server as rows.
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id !== "mapping-preview" || ours) return;
    const found = document.getElementById("trigger-rows");
    show(found ? JSON.parse(found.dataset.rows) : null);
  });
}
