"""Connect to an existing step: the end of a branch goes on at a step of another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.journeys.editing import targets
from engine.journeys.places import place_of
from journeys.steps.kinds import StepJson, StepKind
from journeys.steps.titles import called


def _fields(step: StepJson, definition: Mapping[str, Any]) -> dict[str, Any]:
    """`targets`: the steps at which this branch may go on."""
    place = place_of(step)
    found = targets(definition, place, ignoring=str(step["id"])) if place else []
    return {"targets": [(each["id"], called(each)) for each in found]}


kind = StepKind(
    type="connect",
    title="Connect to existing step",
    text="Go on at a step of another branch. Who reaches it several ways passes it once.",
    icon="corner-down-right",
    family="flow",
    group="Flow control",
    words="connect join existing step",
    fields=_fields,
    summary=lambda step, names: "",
    read=lambda step, posted: {"to": posted["to"]} if posted.get("to") else {},
    is_addable=False,
)
