"""Everything that stops a draft from being published, and what to look at before (ux.md §8.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audiences.services.definitions import References
from engine.conditions import mentions
from engine.journeys import problems
from engine.journeys.errors import ERROR, WARNING, JourneyProblem
from engine.journeys.places import steps_of
from engine.journeys.plan import compile as compile_plan
from journeys.models import Journey, JourneyStep, JourneyVersion
from journeys.selectors.journeys import fixed_settings
from journeys.selectors.step_references import names_of
from journeys.services.definitions import read
from journeys.services.keys import SENDING, step_rows
from journeys.services.naming import name_is_taken
from journeys.services.step_connections import destinations_of, spec_problems
from journeys.services.worlds import world_of
from spaces.models import Source, Space


def problems_of(version: JourneyVersion) -> list[JourneyProblem]:
    """Everything to correct before publishing, and warnings: of the definition, and of what it needs in its space."""
    journey = version.journey
    return definition_problems(
        space=journey.space, definition=version.definition, rows=step_rows(journey), journey=journey
    )


def definition_problems(
    *,
    space: Space,
    definition: Mapping[str, Any],
    rows: Mapping[str, JourneyStep] | None = None,
    journey: Journey | None = None,
) -> list[JourneyProblem]:
    """The same of a definition that need not be saved."""
    found = list(problems.check(read(definition), world_of(space)))
    paths = {problem.path for problem in found}
    own = [
        *_name_problems(space, definition, journey),
        *_settings_problems(definition, journey),
        *_connection_problems(space, definition, rows or {}),
        *_source_problems(space),
        *_cycle_problems(space, definition, rows or {}),
    ]
    return found + [problem for problem in own if not problem.path or problem.path not in paths]


def _settings_problems(definition: Mapping[str, Any], journey: Journey | None) -> list[JourneyProblem]:
    """Entry and exit settings are fixed by the first publication (journeys.md §5.1)."""
    fixed = fixed_settings(journey) if journey is not None else None
    if fixed is None or (definition.get("settings") or {}) == fixed:
        return []
    detail = (
        "Entry and exit settings are fixed since this journey was published: people inside count on them. "
        "Take the change back, or clone the journey for other settings."
    )
    return [JourneyProblem(severity=ERROR, step=None, path="/settings", code="settings_fixed", detail=detail)]


def _cycle_problems(
    space: Space, definition: Mapping[str, Any], rows: Mapping[str, JourneyStep]
) -> list[JourneyProblem]:
    """Conditions on audiences that themselves ask who is in a step of this journey."""
    own = {name for row in rows.values() for name in names_of(row)}
    if not own:
        return []
    journey = read(definition)
    plan = compile_plan(journey)
    mentioned: dict[str | None, frozenset[str]] = {step: found.audiences for step, found in plan.mentions.items()}
    if journey.entry.condition is not None:
        mentioned[None] = mentions(journey.entry.condition).audiences
    graph = References(space)
    places = {step.id: f"/steps/{number}" for number, step in enumerate(journey.steps)}
    return [
        JourneyProblem(
            severity=ERROR,
            step=step,
            path=f"{'/entry' if step is None else places[step]}/condition",
            code="cycle",
            detail=f"The audience {name} asks who is in a step of this journey. Choose another one in this condition.",
        )
        for step, names in mentioned.items()
        for name in sorted(names)
        if not own.isdisjoint(graph.steps_behind(audiences={name}))
    ]


def _name_problems(space: Space, definition: Mapping[str, Any], journey: Journey | None) -> list[JourneyProblem]:
    name = " ".join(str(definition.get("name") or "").split())
    if not name or not name_is_taken(space, name, journey):
        return []
    detail = f"Another journey of this space is called {name}. Choose another name."
    return [JourneyProblem(severity=ERROR, step=None, path="/name", code="name_taken", detail=detail)]


def _connection_problems(
    space: Space, definition: Mapping[str, Any], rows: Mapping[str, JourneyStep]
) -> list[JourneyProblem]:
    """What delivery would refuse when the connections are made."""
    known = destinations_of(space, steps_of(definition))
    found = []
    for number, step in enumerate(steps_of(definition)):
        if step["type"] not in SENDING:
            continue
        row = rows.get(step["id"]) or JourneyStep(step_id=step["id"], name=step.get("name") or "")
        for position, spec in enumerate(step.get("connections", ())):
            destination = known.get(spec.get("destination", ""))
            if destination is None:
                continue
            place = f"/steps/{number}/connections/{position}"
            found += [
                JourneyProblem(
                    severity=ERROR,
                    step=step["id"],
                    path=f"{place}{error.path}",
                    code=error.code,
                    detail=f"{destination.name}: {error.detail}",
                )
                for error in spec_problems(space=space, row=row, destination=destination, spec=spec)
            ]
    return found


def _source_problems(space: Space) -> list[JourneyProblem]:
    if Source.objects.in_space(space).filter(is_enabled=True).exists():
        return []
    detail = "No source of this space is enabled, so no events arrive and nobody enters. Create or enable one."
    return [JourneyProblem(severity=WARNING, step=None, path="", code="no_source", detail=detail)]
