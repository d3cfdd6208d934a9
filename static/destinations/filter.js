// Condition rows above the text of a filter's condition: they are read once from the server and write the text.
const builder = document.querySelector("[data-filter-builder]");

const SIGNS = { is: "=", is_not: "!=", is_number: "=", is_not_number: "!=", more: ">", less: "<" };
const FIXED = { true: "= true", false: "= false", null: "= null", not_null: "!= null" };
const NUMERIC = ["is_number", "is_not_number", "more", "less"];

function part(row, name) {
  return row.querySelector(`[data-part="${name}"]`);
}

// Blanks and signs in a name need a "\" in front; one that a person wrote already stays.
function escaped(field) {
  return field.trim().replace(/\\[\s\S]|[^A-Za-z0-9_.\\-]/g, (found) => (found.startsWith("\\") ? found : `\\${found}`));
}

function written(row) {
  const field = escaped(part(row, "field").value);
  const operator = part(row, "operator").value;
  const value = part(row, "value").value;
  if (FIXED[operator]) return `${field} ${FIXED[operator]}`;
  const text = NUMERIC.includes(operator) ? value.trim() : `"${value.replace(/["\\]/g, "\\$&")}"`;
  if (SIGNS[operator]) return `${field} ${SIGNS[operator]} ${text}`;
  const call = operator.endsWith("matches") ? "match" : "contains";
  return `${operator.startsWith("not_") ? "!" : ""}${call}(${field}, ${text})`;
}

function fit(row) {
  const operator = part(row, "operator");
  const value = part(row, "value");
  value.hidden = Boolean(FIXED[operator.value]);
  value.inputMode = NUMERIC.includes(operator.value) ? "decimal" : "text";
  value.placeholder = operator.value.endsWith("matches") ? "*@acme.com" : "";
}

if (builder) {
  const text = document.getElementById(builder.dataset.filterBuilder);
  const list = builder.querySelector("[data-filter-rows]");
  const joiner = builder.querySelector("[data-filter-joiner]");
  const note = document.querySelector("[data-filter-note]");
  const template = document.querySelector("[data-filter-row]");

  const write = () => {
    const rows = [...list.children];
    rows.forEach(fit);
    const full = rows.filter((row) => part(row, "field").value.trim());
    text.value = full.map(written).join(` ${joiner.value} `);
    text.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const add = (values = { field: "", operator: "is", value: "" }) => {
    const row = template.content.firstElementChild.cloneNode(true);
    for (const [name, value] of Object.entries(values)) part(row, name).value = value;
    list.append(row);
    fit(row);
    return row;
  };

  if ("textOnly" in builder.dataset) {
    note.hidden = false;
  } else {
    builder.hidden = false;
    const rows = JSON.parse(document.getElementById("filter-rows").textContent);
    rows.forEach(add);
    if (!rows.length) add();
    builder.addEventListener("input", write);
    builder.addEventListener("change", write);
    builder.addEventListener("click", (event) => {
      if (event.target.closest("[data-filter-add]")) part(add(), "field").focus();
      const remove = event.target.closest("[data-filter-remove]");
      if (remove) {
        remove.closest("li").remove();
        write();
      }
    });
    // Who writes the text goes on in the text.
    text.addEventListener("input", (event) => {
      if (!event.isTrusted) return;
      builder.hidden = true;
      note.hidden = false;
    });
  }
}

// Only the fields that the chosen kind of filter has.
const kind = document.getElementById("id_kind");
const show = () => {
  for (const block of document.querySelectorAll("[data-filter-for]")) {
    block.hidden = !block.dataset.filterFor.split(" ").includes(kind.value);
  }
};
if (kind) {
  kind.addEventListener("change", show);
  show();
}
