"""Where the steps of a definition's JSON stand, also while it is incomplete: what the canvas and the edits read.

A place is "after this step" or "on this branch of it". Nothing raises: what is no step is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ENTRY = "entry"
StepJson = dict[str, Any]


@dataclass(frozen=True, order=True)
class Place:
    """After `step`; on its `branch` when it branches, else ""."""

    step: str
    branch: str = ""

    def as_after(self) -> str | dict[str, str]:
        """As a step's `after` says it (definitions.md §3)."""
        return {"step": self.step, "branch": self.branch} if self.branch else self.step


def place_of(step: Mapping[str, Any]) -> Place | None:
    """The place that a step's `after` names; None when it names none."""
    after = step.get("after")
    if isinstance(after, str) and after:
        return Place(after)
    if isinstance(after, Mapping) and isinstance(after.get("step"), str):
        return Place(after["step"], str(after.get("branch") or ""))
    return None


def steps_of(definition: Mapping[str, Any]) -> list[StepJson]:
    """The steps in the order of the definition, without the entry."""
    raw = definition.get("steps")
    return [step for step in raw if isinstance(step, dict) and isinstance(step.get("id"), str)] if raw else []


def entry_of(definition: Mapping[str, Any]) -> StepJson:
    """The entry as if it were a step: its id and type are "entry"."""
    entry = definition.get("entry")
    return {**(entry if isinstance(entry, dict) else {}), "id": ENTRY, "type": ENTRY}


def step_of(definition: Mapping[str, Any], step_id: str) -> StepJson | None:
    if step_id == ENTRY:
        return entry_of(definition)
    return next((step for step in steps_of(definition) if step["id"] == step_id), None)


def followers(definition: Mapping[str, Any]) -> dict[Place, list[StepJson]]:
    """The steps at each place, in the order of the definition."""
    found: dict[Place, list[StepJson]] = {}
    for step in steps_of(definition):
        place = place_of(step)
        if place is not None:
            found.setdefault(place, []).append(step)
    return found


def branch_ids(step: Mapping[str, Any]) -> tuple[str, ...]:
    """The ids of the branches of a step that branches, in evaluation order; () for the others."""
    if step.get("type") == "true_false":
        return ("true", "false")
    raw = step.get("branches")
    if not isinstance(raw, list):
        return ()
    return tuple(str(branch["id"]) for branch in raw if isinstance(branch, dict) and branch.get("id"))


def places_after(step: Mapping[str, Any]) -> tuple[Place, ...]:
    """Where steps may follow: on each branch, else simply after; nowhere after a connect."""
    if step.get("type") == "connect":
        return ()
    branches = branch_ids(step)
    if branches or isinstance(step.get("branches"), list):
        return tuple(Place(str(step["id"]), branch) for branch in branches)
    return (Place(str(step["id"])),)


def below(definition: Mapping[str, Any], start: str | Place) -> list[StepJson]:
    """Every step that hangs on a step or place (not counting connects' targets), the nearest first."""
    at: dict[str, list[StepJson]] = {}
    first: list[StepJson] = []
    for place, steps in followers(definition).items():
        at.setdefault(place.step, []).extend(steps)
        if place == start:
            first.extend(steps)
    waiting = list(at.get(start, ())) if isinstance(start, str) else first
    found: dict[str, StepJson] = {}
    while waiting:
        step = waiting.pop(0)
        if step["id"] in found or step["id"] == start:
            continue
        found[step["id"]] = step
        waiting += at.get(step["id"], ())
    return list(found.values())


def unreached(definition: Mapping[str, Any]) -> list[StepJson]:
    """Steps that no way leads to: their `after` names what is not there, or they follow each other in a ring."""
    reached = {step["id"] for step in _reached(definition)}
    return [step for step in steps_of(definition) if step["id"] not in reached]


def _reached(definition: Mapping[str, Any]) -> list[StepJson]:
    by_place = followers(definition)
    waiting, found = [entry_of(definition)], {ENTRY: entry_of(definition)}
    while waiting:
        for place in places_after(waiting.pop()):
            for step in by_place.get(place, ()):
                if step["id"] not in found:
                    found[step["id"]] = step
                    waiting.append(step)
    return list(found.values())
