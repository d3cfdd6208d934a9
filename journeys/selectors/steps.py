"""The steps of a version in the order of its definition, each with its row, its title and what comes before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.journeys.places import ENTRY, entry_of, place_of
from engine.journeys.places import steps_of as steps_in
from journeys.models import Journey, JourneyStep, JourneyVersion
from journeys.steps.registry import kind_of
from journeys.steps.titles import called

SENDING = frozenset({"send_to_destinations", "show_ad"})


@dataclass(frozen=True, kw_only=True)
class StepFacts:
    """`previous` are the ids of the steps that lead here, also over *connect*; `row` is None for a step never saved.

    `branches`: (id, name) of a split's ways out, in evaluation order.
    """

    step_id: str
    type: str
    title: str
    type_label: str
    icon: str
    data: Mapping[str, Any]
    previous: tuple[str, ...]
    branches: tuple[tuple[str, str], ...]
    row: JourneyStep | None

    @property
    def sends(self) -> bool:
        return self.type in SENDING

    @property
    def can_wait(self) -> bool:
        """Whether people wait for this step's condition to hold."""
        return self.type == "condition"


def steps_of(version: JourneyVersion) -> list[StepFacts]:
    """The entry first. *Connect* is a line, not a place: it is left out, its target knows where it comes from."""
    rows = {row.step_id: row for row in JourneyStep.objects.filter(journey_id=version.journey_id)}
    return read_steps(version.definition, rows)


def read_steps(definition: Mapping[str, Any], rows: Mapping[str, JourneyStep]) -> list[StepFacts]:
    ways = _ways(definition)
    steps = [entry_of(definition), *steps_in(definition)]
    return [_facts(step, ways, rows) for step in steps if step.get("type") != "connect"]


def _facts(step: Mapping[str, Any], ways: Mapping[str, list[str]], rows: Mapping[str, JourneyStep]) -> StepFacts:
    kind = kind_of(step.get("type"))
    return StepFacts(
        step_id=step["id"],
        type=str(step.get("type", "")),
        title=title_of(step),
        type_label=kind.title if kind else str(step.get("type", "")),
        icon=kind.icon if kind else "circle-help",
        data=step,
        previous=tuple(dict.fromkeys(ways.get(step["id"], ()))),
        branches=tuple((branch.id, branch.name) for branch in kind.branches(step)) if kind else (),
        row=rows.get(step["id"]),
    )


def title_of(step: Mapping[str, Any]) -> str:
    """What a step is called: its name; a delay without one by what it does."""
    return called(step)


def rows_by_id(journey: Journey) -> dict[int, JourneyStep]:
    return {row.pk: row for row in JourneyStep.objects.filter(journey=journey)}


def _ways(definition: Mapping[str, Any]) -> dict[str, list[str]]:
    """For each step the ids of the steps from which it is reached."""
    found: dict[str, list[str]] = {}
    for step in steps_in(definition):
        place = place_of(step)
        if place is not None:
            target = str(step.get("to", "")) if step.get("type") == "connect" else step["id"]
            found.setdefault(target, []).append(place.step)
    return found


__all__ = ["ENTRY", "StepFacts", "read_steps", "rows_by_id", "steps_of", "title_of"]
