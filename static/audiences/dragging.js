// Dragging conditions by their grips, with mouse, pen or finger: a line shows where the row will go.
import { announce } from "../js/dom.js";

const STARTS_AFTER = 5;
const EDGE = 60;

function rowsOf(group) {
  return [...group.children].filter((child) => child.matches("[data-row]"));
}

/** The group under the pointer and the index of the row before which the dragged one would go; null over itself. */
function placeAt(form, x, y, dragged) {
  const under = document.elementFromPoint(x, y);
  const group = under?.closest("[data-group]") ?? nearest(form, y);
  if (!group || !form.contains(group) || dragged === group || dragged.contains(group)) return null;
  const rows = rowsOf(group);
  const index = rows.filter((row) => {
    const box = row.getBoundingClientRect();
    return (box.top + box.bottom) / 2 < y;
  }).length;
  return { group, rows, index };
}

function nearest(form, y) {
  const root = form.querySelector("[data-group]");
  const box = root?.getBoundingClientRect();
  return box && y > box.top - EDGE && y < box.bottom + EDGE ? root : null;
}

function scrollAtEdges(y) {
  if (y < EDGE) window.scrollBy(0, -12);
  else if (y > window.innerHeight - EDGE) window.scrollBy(0, 12);
}

/** Watches the grips of a form; `move(from, "GROUP.INDEX")` is called when a row was dropped somewhere else. */
export function dragRows(form, move) {
  const line = document.createElement("div");
  line.className = "builder-drop";

  form.addEventListener("pointerdown", (event) => {
    const grip = event.target instanceof Element ? event.target.closest("[data-grip]") : null;
    const row = grip?.closest("[data-row]");
    if (!row || event.button !== 0) return;
    event.preventDefault();
    const start = { x: event.clientX, y: event.clientY };
    let ghost = null;
    let place = null;

    const follow = (moved) => {
      if (!ghost && Math.hypot(moved.clientX - start.x, moved.clientY - start.y) < STARTS_AFTER) return;
      if (!ghost) {
        ghost = document.createElement("div");
        ghost.className = "builder-ghost";
        ghost.textContent = row.getAttribute("aria-label") ?? "";
        document.body.append(ghost);
        row.classList.add("is-dragged");
        document.body.classList.add("is-dragging-row");
      }
      ghost.style.left = `${moved.clientX + 12}px`;
      ghost.style.top = `${moved.clientY + 12}px`;
      scrollAtEdges(moved.clientY);
      place = placeAt(form, moved.clientX, moved.clientY, row);
      if (!place) line.remove();
      else if (place.index < place.rows.length) place.group.insertBefore(line, place.rows[place.index]);
      else if (place.rows.length) place.rows.at(-1).after(line);
      else place.group.prepend(line);
    };

    const end = (dropped) => {
      document.removeEventListener("pointermove", follow);
      document.removeEventListener("pointerup", end);
      document.removeEventListener("pointercancel", end);
      document.removeEventListener("keydown", cancel, true);
      line.remove();
      ghost?.remove();
      row.classList.remove("is-dragged");
      document.body.classList.remove("is-dragging-row");
      if (dropped?.type !== "pointerup" || !ghost || !place) return;
      const at = place.rows.indexOf(row);
      if (at !== -1 && (place.index === at || place.index === at + 1)) return;
      move(row.dataset.row, `${place.group.dataset.group}.${place.index}`);
      announce("Moved");
    };

    const cancel = (key) => {
      if (key.key !== "Escape") return;
      key.stopPropagation();
      end(null);
    };

    document.addEventListener("pointermove", follow);
    document.addEventListener("pointerup", end);
    document.addEventListener("pointercancel", end);
    document.addEventListener("keydown", cancel, true);
  });
}
