"""The edits of the builder: an op with its target, applied to a definition, saved as one edit of the draft."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.http import QueryDict

from audiences.builder import operations
from audiences.builder.fields import from_fields
from audiences.builder.reading import rows_of
from audiences.builder.rows import Group
from audiences.builder.writing import written
from audiences.models import Audience
from common.ids import BASE36, random_text
from engine.journeys import editing
from engine.journeys.editing import Edited, EditError
from engine.journeys.places import Place, StepJson
from journeys.steps.branching import branches_of, new_branch
from journeys.steps.random import evened
from journeys.steps.registry import kind_of
from spaces.models import Space

Definition = Mapping[str, Any]
SHORT = {"send_to_destinations": "send", "true_false": "split", "multi_branch": "branch", "show_ad": "ad"}
OLD_FORM = "The form has changed since you pressed that. Reload the page and try again."


def new_id(step_type: str) -> str:
    """An id that no other step of any journey has."""
    return f"{SHORT.get(step_type, step_type)}-{random_text(BASE36, 8)}"


def place_in(posted: QueryDict) -> Place:
    """The place that a form names: in `place` ("step" or "step:branch"), or in `after` and `branch`."""
    step, _, branch = posted.get("place", "").partition(":")
    return Place(step or posted.get("after", ""), branch or posted.get("branch", ""))


def targets_in(posted: QueryDict) -> list[str]:
    return [name for text in posted.getlist("target") for name in text.split(" ") if name]


def _add(definition: Definition, posted: QueryDict) -> Edited:
    if posted.get("to"):
        return _connect(definition, posted)
    kind = kind_of(posted.get("kind"))
    if kind is None or not kind.is_addable:
        raise EditError("Choose what kind of step to add.")
    step = {"id": new_id(kind.type), "type": kind.type, **kind.blank()}
    edited = editing.add_step(definition, place_in(posted), step, new_id=new_id)
    return Edited(definition=edited.definition, label=f"Add {kind.title}", focus=edited.focus)


def _connect(definition: Definition, posted: QueryDict) -> Edited:
    return editing.connect(definition, place_in(posted), posted.get("to", ""), step_id=new_id("connect"))


def _delete(definition: Definition, posted: QueryDict) -> Edited:
    chosen = targets_in(posted)
    if len(chosen) == 1:
        return editing.remove_step(definition, chosen[0], keep=posted.get("keep", ""))
    return editing.remove_steps(definition, chosen)


def _move(definition: Definition, posted: QueryDict) -> Edited:
    return editing.move_steps(definition, targets_in(posted), place_in(posted))


def _rename(definition: Definition, posted: QueryDict) -> Edited:
    name = " ".join(posted.get("name", "").split())
    return editing.set_fields(definition, posted.get("target", ""), {"name": name})


OPS: dict[str, Callable[[Definition, QueryDict], Edited]] = {
    "add": _add,
    "connect": _connect,
    "delete": _delete,
    "move": _move,
    "rename": _rename,
}


def edited_by_op(definition: Definition, posted: QueryDict, clip: list[dict[str, Any]]) -> Edited:
    """Carry out the op of the canvas or the outline. Raises EditError."""
    op = posted.get("op", "")
    if op == "paste":
        return editing.paste(definition, clip, place_in(posted), new_id=new_id)
    if op not in OPS:
        raise EditError(OLD_FORM)
    return OPS[op](definition, posted)


class StepForm:
    """The posted sheet of a step: `rows` is its condition as posted, `field` where the focus goes after a row op.

    `op`: keep, preview, import, even_out, branch:add, branch:up:ID, branch:down:ID, branch:remove:ID, or an op of the
    rows of conditions (audiences/builder/operations.py).
    """

    def __init__(self, space: Space, posted: QueryDict) -> None:
        self.space, self.posted = space, posted
        self.op = posted.get("op") or "keep"
        self.rows: Group | None = None
        self.field = ""

    @property
    def is_structural(self) -> bool:
        """Whether the sheet looks different afterwards."""
        return self.op not in {"keep", "preview"}

    def edited(self, definition: Definition, step_id: str) -> Edited:
        """The definition with what the form says. Raises EditError."""
        step = editing.require_step(definition, step_id)
        data = self._data(step)
        changed = {name: value for name, value in data.items() if name not in step or step[name] != value}
        edited = Edited(definition=dict(definition), label="", focus=step_id)
        if changed:
            edited = editing.set_fields(definition, step_id, changed)
        if self.op.startswith("branch:") or self.op == "even_out":
            return self._branches(edited.definition, step_id)
        return edited

    def _data(self, step: StepJson) -> dict[str, Any]:
        kind = kind_of(step.get("type"))
        if kind is None:
            raise EditError("This version does not know this type of step. It can only be deleted.")
        data = kind.read(step, self.posted)
        if "name" in self.posted:
            data["name"] = " ".join(self.posted.get("name", "").split())
            if not data["name"] and not step.get("name"):
                del data["name"]
        if kind.has_condition and "n.kind" in self.posted:
            data["condition"] = self._condition(step)
        return data

    def _condition(self, step: StepJson) -> Any:
        rows = from_fields({name: self.posted.getlist(name) for name in self.posted})
        if self.op == "import":
            rows = self._imported()
        elif ":" in self.op and not self.op.startswith("branch:"):
            try:
                self.field = operations.apply(rows, self.op)
            except operations.UnknownOperationError as error:
                raise EditError(OLD_FORM) from error
        self.rows = rows
        if not rows.children and not rows.negated:
            return None
        return written(rows).definition

    def _imported(self) -> Group:
        key = self.posted.get("import", "")
        audience = Audience.objects.in_space(self.space).live().filter(key=key).first() if key else None
        if audience is None:
            raise EditError("Choose the audience whose conditions to import.")
        return rows_of(audience.definition)

    def _branches(self, definition: Definition, step_id: str) -> Edited:
        step = editing.require_step(definition, step_id)
        _, _, rest = self.op.partition(":")
        verb, _, branch = rest.partition(":")
        if self.op == "even_out":
            return editing.set_fields(
                definition, step_id, {"branches": evened(branches_of(step))}, label=f"Even out {editing.title_of(step)}"
            )
        if verb == "add":
            share = {"percent": 0} if step.get("type") == "random" else {}
            return editing.add_branch(definition, step_id, new_branch(branches_of(step), **share), new_id=new_id)
        if verb == "remove":
            return editing.remove_branch(definition, step_id, branch)
        if verb in {"up", "down"}:
            return editing.move_branch(definition, step_id, branch, by=-1 if verb == "up" else 1)
        raise EditError(OLD_FORM)
