"""Edits of a journey's JSON: add, remove, move, copy, connect, change. Pure: each gives a new definition.

An edit gives `Edited(definition, label, focus)`: the label names it for undo ("Delete Delay"), `focus` is the step to
show next. What cannot be done raises EditError and changes nothing. Ids of new steps are given by the caller.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.journeys.places import (
    ENTRY,
    Place,
    StepJson,
    below,
    branch_ids,
    entry_of,
    followers,
    place_of,
    places_after,
    step_of,
    steps_of,
)
from engine.journeys.steps import STEP_TYPE

Definition = dict[str, Any]
NewId = Callable[[str], str]


class EditError(ValueError):
    """The edit does not fit the journey as it is. `detail` says why and what to do instead."""

    code = "edit_refused"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True, kw_only=True)
class Edited:
    """A new definition. `focus` is the id of the step to show, "" for none."""

    definition: Definition
    label: str
    focus: str = ""


def title_of(step: Mapping[str, Any]) -> str:
    """The step's name, else what its type is called, such as Delay."""
    name = step.get("name")
    if isinstance(name, str) and name.strip():
        return name.strip()
    if step.get("type") == ENTRY:
        return "Entry condition"
    step_type = STEP_TYPE.get(str(step.get("type")))
    title = step_type.label if step_type else str(step.get("type") or "step")
    title = title.removeprefix("Add a ").removeprefix("Add an ")
    return title[:1].upper() + title[1:]


def require_step(definition: Mapping[str, Any], step_id: str) -> StepJson:
    step = step_of(definition, step_id)
    if step is None:
        raise EditError("This step does not exist any more. Somebody may have deleted it; reload the journey.")
    return step


def require_place(definition: Mapping[str, Any], place: Place) -> None:
    if place not in places_after(require_step(definition, place.step)):
        raise EditError("Nothing can be added there any more. Reload the journey and choose another place.")


def add_step(definition: Mapping[str, Any], place: Place, step: Mapping[str, Any], *, new_id: NewId) -> Edited:
    """Insert a step: what followed at the place follows it, on its first branch when it branches.

    Every branch of a multi-branch split begins with a condition of its own; `new_id(type)` gives ids for those.
    """
    require_place(definition, place)
    added = {**copy.deepcopy(dict(step)), "after": place.as_after()}
    after = followers(definition).get(place, [])
    if after and not places_after(added):
        raise EditError("Only the end of a branch can be connected. Remove what follows first, or choose another end.")
    new = [added, *_branch_conditions(added, new_id)]
    tail = _tail(new)
    changed = _rehung(definition, {each["id"]: tail for each in after} if tail else {})
    changed["steps"] = _inserted(changed["steps"], new, place)
    return Edited(definition=changed, label=f"Add {title_of(added)}", focus=added["id"])


def set_fields(definition: Mapping[str, Any], step_id: str, data: Mapping[str, Any], *, label: str = "") -> Edited:
    """Replace members of a step or of the entry; its id, type and place stay."""
    step = require_step(definition, step_id)
    fixed = {name: value for name, value in data.items() if name not in {"id", "type", "after"}}
    if "name" in fixed and not fixed["name"] and step_id != ENTRY and "name" not in step:
        del fixed["name"]
    changed = _copied(definition)
    if step_id == ENTRY:
        changed["entry"] = {**(changed.get("entry") or {}), **fixed}
    else:
        changed["steps"] = [{**each, **fixed} if each["id"] == step_id else each for each in steps_of(changed)]
    text = label or f"Change {title_of(step)}"
    if not label and fixed.keys() == {"name"}:
        text = f"Rename {title_of(step)}"
    return Edited(definition=changed, label=text, focus=step_id)


def set_journey(
    definition: Mapping[str, Any], *, name: str | None = None, settings: Mapping[str, Any] | None = None
) -> Edited:
    """Replace the journey's name and its exit and re-entry settings."""
    changed = _copied(definition)
    if name is not None:
        changed["name"] = name
    if settings is not None:
        changed["settings"] = {**(changed.get("settings") or {}), **settings}
    return Edited(definition=changed, label="Rename the journey" if settings is None else "Change settings")


@dataclass(frozen=True, kw_only=True)
class Dependents:
    """What goes with a step: `steps` of branches that are dropped, `connects` of others that lead to what goes."""

    steps: list[StepJson]
    connects: list[StepJson]


def dependents(definition: Mapping[str, Any], step_id: str, *, keep: str = "") -> Dependents:
    """What deleting a step takes along; `keep` is the branch that stays ("" = none)."""
    going = _going(definition, require_step(definition, step_id), keep)
    return Dependents(
        steps=[step for step in steps_of(definition) if step["id"] in going and step["id"] != step_id],
        connects=[step for step in _leading_to(definition, going) if step["id"] not in going],
    )


def remove_step(definition: Mapping[str, Any], step_id: str, *, keep: str = "") -> Edited:
    """Delete a step; what followed moves up. Of a split only the branch `keep` moves up, the others are deleted."""
    if step_id == ENTRY:
        raise EditError("A journey always begins with its entry condition. Change it instead of deleting it.")
    step = require_step(definition, step_id)
    if keep and keep not in branch_ids(step):
        raise EditError("The branch to keep does not exist any more. Reload the journey and choose again.")
    going = _going(definition, step, keep)
    going |= {each["id"] for each in _leading_to(definition, going)}
    place = place_of(step)
    return Edited(
        definition=_without(definition, going),
        label=f"Delete {title_of(step)}",
        focus=place.step if place and step_of(definition, place.step) else ENTRY,
    )


def remove_steps(definition: Mapping[str, Any], step_ids: Iterable[str]) -> Edited:
    """Delete several; a split with all of its branches. What followed them moves up."""
    chosen = _expanded(definition, step_ids)
    going = chosen | {each["id"] for each in _leading_to(definition, chosen)}
    return Edited(definition=_without(definition, going), label=f"Delete {_count(chosen)}")


def move_steps(definition: Mapping[str, Any], step_ids: Iterable[str], place: Place) -> Edited:
    """Take steps of one path out, closing the gap, and put them in at a place. A split moves with its branches."""
    chosen = _expanded(definition, step_ids)
    if place.step in chosen:
        raise EditError("A step cannot move into its own branches. Choose a place outside of what moves.")
    moved = clip(definition, chosen)
    one = moved[0]
    rest = _without(definition, chosen)
    # The place may have been after a step that moves up with the rest.
    require_place(rest, place)
    placed = _put(rest, moved, place)
    label = f"Move {title_of(one)}" if len(chosen) == 1 else f"Move {_count(chosen)}"
    return Edited(definition=placed, label=label, focus=one["id"])


def clip(definition: Mapping[str, Any], step_ids: Iterable[str]) -> list[StepJson]:
    """Steps of one path as they can be pasted: the first has no `after`, the others hang on each other.

    A split brings its branches along. Raises EditError for nothing, the entry, or steps of different branches.
    """
    chosen = _expanded(definition, step_ids)
    if not chosen:
        raise EditError("Select at least one step. The entry condition cannot be copied or moved.")
    found: list[StepJson] = []
    taken: set[Place] = set()
    for step in (each for each in steps_of(definition) if each["id"] in chosen):
        place = _nearest(definition, step, lambda name: name not in chosen)
        is_first = place is None or place.step not in chosen
        hangs = Place("") if is_first or place is None else place
        if hangs in taken:
            raise EditError(
                "These steps are in different branches. Select steps of one path, or their split with them."
            )
        taken.add(hangs)
        found.append({**copy.deepcopy(step), "after": None if is_first else hangs.as_after()})
    return sorted(found, key=lambda step: step["after"] is not None)


def paste(definition: Mapping[str, Any], steps: Iterable[Mapping[str, Any]], place: Place, *, new_id: NewId) -> Edited:
    """Put copies in at a place, under new ids. Connects to what is not here lose their target."""
    copied = [copy.deepcopy(dict(step)) for step in steps]
    if not copied:
        raise EditError("There is nothing to paste. Copy steps first.")
    require_place(definition, place)
    ids = {step["id"]: new_id(str(step.get("type"))) for step in copied}
    here = {step["id"] for step in steps_of(definition)}
    for step in copied:
        step["id"] = ids[step["id"]]
        after = place_of(step)
        step["after"] = Place(ids[after.step], after.branch).as_after() if after and after.step in ids else None
        if step.get("type") == "connect":
            target = str(step.get("to") or "")
            step["to"] = ids.get(target, target if target in here else "")
    label = f"Paste {title_of(copied[0])}" if len(copied) == 1 else f"Paste {len(copied)} steps"
    return Edited(definition=_put(_copied(definition), copied, place), label=label, focus=copied[0]["id"])


def connect(definition: Mapping[str, Any], place: Place, target: str, *, step_id: str) -> Edited:
    """Let the end of a branch go on at an existing step. Never backwards, never into a loop."""
    if target not in {step["id"] for step in targets(definition, place)}:
        raise EditError("This branch cannot go on there: a journey never goes backwards. Choose another step.")
    step = {"id": step_id, "type": "connect", "to": target}
    edited = add_step(definition, place, step, new_id=lambda _: step_id)
    name = title_of(require_step(definition, target))
    return Edited(definition=edited.definition, label=f"Connect to {name}", focus=step_id)


def targets(definition: Mapping[str, Any], place: Place, *, ignoring: str = "") -> list[StepJson]:
    """The steps at which a branch that ends at the place may go on; `ignoring` is a connect that stands there now.

    Only the end of a branch can be connected. Not: steps before the place, and steps that lead back to it.
    """
    if any(step["id"] != ignoring for step in followers(definition).get(place, ())):
        return []
    after = {step["id"]: step for step in followers(definition).get(place, ())}
    return [
        step
        for step in steps_of(definition)
        if step.get("type") != "connect"
        and step["id"] != place.step
        and step["id"] not in after
        and place.step not in _leads_to(definition, step["id"], ignoring)
    ]


def add_branch(definition: Mapping[str, Any], step_id: str, branch: Mapping[str, Any], *, new_id: NewId) -> Edited:
    """A further branch at the end; in a multi-branch split with its condition."""
    step = require_step(definition, step_id)
    branches = [*step.get("branches", []), dict(branch)]
    edited = set_fields(definition, step_id, {"branches": branches}, label=f"Add a branch to {title_of(step)}")
    steps = edited.definition["steps"]
    only = {**step, "branches": [dict(branch)]}
    edited.definition["steps"] = [*steps, *_branch_conditions(only, new_id)]
    return edited


def remove_branch(definition: Mapping[str, Any], step_id: str, branch: str) -> Edited:
    """Delete a branch with everything on it, and connects to that."""
    step = require_step(definition, step_id)
    if branch not in branch_ids(step) or "branches" not in step:
        raise EditError("This branch does not exist any more. Reload the journey.")
    going = {each["id"] for each in below(definition, Place(step_id, branch))}
    going |= {each["id"] for each in _leading_to(definition, going)}
    changed = _without(definition, going)
    branches = [each for each in step["branches"] if str(each["id"]) != branch]
    label = f"Delete a branch of {title_of(step)}"
    return Edited(
        definition=set_fields(changed, step_id, {"branches": branches}).definition, label=label, focus=step_id
    )


def move_branch(definition: Mapping[str, Any], step_id: str, branch: str, *, by: int) -> Edited:
    """Change the evaluation order: `by` -1 is earlier, 1 later. At the edge nothing changes."""
    step = require_step(definition, step_id)
    branches = list(step.get("branches", []))
    index = next((number for number, each in enumerate(branches) if str(each["id"]) == branch), None)
    if index is None:
        raise EditError("This branch does not exist any more. Reload the journey.")
    other = min(max(index + by, 0), len(branches) - 1)
    branches.insert(other, branches.pop(index))
    return set_fields(definition, step_id, {"branches": branches}, label=f"Reorder {title_of(step)}")


def _copied(definition: Mapping[str, Any]) -> Definition:
    changed = copy.deepcopy(dict(definition))
    changed["steps"] = steps_of(changed)
    return changed


def _rehung(definition: Mapping[str, Any], to: Mapping[str, Place]) -> Definition:
    """With other places for some steps."""
    changed = _copied(definition)
    changed["steps"] = [
        {**step, "after": to[step["id"]].as_after()} if step["id"] in to else step for step in changed["steps"]
    ]
    return changed


def _without(definition: Mapping[str, Any], going: set[str]) -> Definition:
    """Without these steps; what followed them hangs on the nearest step before them that stays."""
    to = {}
    for step in steps_of(definition):
        place = place_of(step)
        if step["id"] not in going and place is not None and place.step in going:
            stays = _nearest(definition, step, lambda name: name in going)
            if stays is not None:
                to[step["id"]] = stays
    changed = _rehung(definition, to)
    changed["steps"] = [step for step in changed["steps"] if step["id"] not in going]
    return changed


def _nearest(definition: Mapping[str, Any], step: StepJson, skips: Callable[[str], bool]) -> Place | None:
    """The place before a step, above those that are passed over; None where there is none."""
    by_id = {each["id"]: each for each in steps_of(definition)}
    place, seen = place_of(step), set()
    while place is not None and skips(place.step) and place.step in by_id and place.step not in seen:
        seen.add(place.step)
        place = place_of(by_id[place.step])
    return place


def _put(definition: Definition, steps: list[StepJson], place: Place) -> Definition:
    """Clipped steps (the first without `after`) at a place; what followed there follows their end."""
    steps = [{**steps[0], "after": place.as_after()}, *steps[1:]]
    after = followers(definition).get(place, [])
    tail = _tail(steps)
    if after and tail is None:
        raise EditError("These steps end by connecting to another step, so they only fit at the end of a branch.")
    changed = _rehung(definition, {each["id"]: tail for each in after} if tail else {})
    changed["steps"] = _inserted(changed["steps"], steps, place)
    return changed


def _tail(steps: list[StepJson]) -> Place | None:
    """Where a path of steps can go on: at the end of its first branches; None when it ends with a connect."""
    at = {place: step for step in steps if (place := place_of(step)) is not None}
    step = steps[0]
    while True:
        places = places_after(step)
        if not places:
            return None
        if places[0] not in at:
            return places[0]
        step = at[places[0]]


def _inserted(steps: list[StepJson], new: list[StepJson], place: Place) -> list[StepJson]:
    """New steps stand behind the step that they follow, so that the JSON reads in the order of the journey."""
    index = next((number + 1 for number, step in enumerate(steps) if step["id"] == place.step), 0)
    return [*steps[:index], *new, *steps[index:]]


def _branch_conditions(step: StepJson, new_id: NewId) -> list[StepJson]:
    step_type = STEP_TYPE.get(str(step.get("type")))
    if step_type is None or not step_type.side_by_side:
        return []
    return [
        {"id": new_id("condition"), "type": "condition", "after": place.as_after(), "name": "", "condition": None}
        for place in places_after(step)
    ]


def _going(definition: Mapping[str, Any], step: StepJson, keep: str) -> set[str]:
    """The step and, of a split, everything on the branches that are not kept."""
    going = {step["id"]}
    for branch in branch_ids(step):
        if branch != keep:
            going |= {each["id"] for each in below(definition, Place(step["id"], branch))}
    return going


def _leading_to(definition: Mapping[str, Any], going: set[str]) -> list[StepJson]:
    return [step for step in steps_of(definition) if step.get("type") == "connect" and step.get("to") in going]


def _leads_to(definition: Mapping[str, Any], start: str, ignoring: str) -> set[str]:
    """The step and all that people may reach from it, over connects too."""
    steps = {step["id"]: step for step in steps_of(definition) if step["id"] != ignoring}
    by_place = followers(definition)
    found, waiting = {start}, [start]
    while waiting:
        step = steps.get(waiting.pop())
        if step is None:
            continue
        after = [each["id"] for place in places_after(step) for each in by_place.get(place, ())]
        if step.get("type") == "connect":
            after = [str(step.get("to"))]
        waiting += [name for name in after if name not in found]
        found.update(after)
    return found


def _expanded(definition: Mapping[str, Any], step_ids: Iterable[str]) -> set[str]:
    """The chosen steps that exist, splits with everything on their branches; never the entry."""
    wanted = set(step_ids)
    found: set[str] = set()
    for step in steps_of(definition):
        if step["id"] in wanted:
            found.add(step["id"])
            if branch_ids(step):
                found |= {each["id"] for each in below(definition, step["id"])}
    return found


def _count(chosen: set[str]) -> str:
    return "1 step" if len(chosen) == 1 else f"{len(chosen)} steps"


__all__ = [
    "Dependents", "EditError", "Edited", "add_branch", "add_step", "clip", "connect", "dependents", "entry_of",
    "move_branch", "move_steps", "paste", "remove_branch", "remove_step", "remove_steps", "require_step", "set_fields",
    "set_journey", "targets", "title_of",
]  # fmt: skip
