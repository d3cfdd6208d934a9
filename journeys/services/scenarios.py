"""Tests that are kept with a journey and run again, to see whether a change does what it should (ux.md §8.6)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from common.errors import ConflictError, InvalidError
from engine.conditions.evidence import iso
from engine.journeys.places import steps_of
from journeys.models import ENTRY, Journey, JourneyScenario, JourneyVersion
from journeys.services.testing import TestResult, test_person
from journeys.services.testing_requests import read_request
from spaces.models import User

MOST = 20
LONGEST_NAME = 100
NOT_KEPT = ("send", "version", "definition")


def save_scenario(
    *, version: JourneyVersion, name: str, body: Mapping[str, Any], now: datetime, saved_by: User | None
) -> JourneyScenario:
    """Run the test and keep it with what came of it, as what is expected from now on; nothing is sent.

    A scenario of the same name is replaced. InvalidError for the name or the test, ConflictError above MOST.
    """
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        detail = f"Name the scenario, with at most {LONGEST_NAME} characters."
        raise InvalidError.at("/name", detail, "invalid_name")
    request = {key: value for key, value in body.items() if key not in NOT_KEPT}
    outcome = _tried(version, request, now)
    with transaction.atomic():
        journey = Journey.objects.select_for_update().get(pk=version.journey_id)
        others = JourneyScenario.objects.filter(journey=journey).exclude(name=name)
        if others.count() >= MOST:
            raise ConflictError(f"A journey keeps at most {MOST} scenarios. Delete one first.")
        scenario, _ = JourneyScenario.objects.update_or_create(
            journey=journey,
            name=name,
            defaults={
                "request": request,
                "expected": outcome,
                "result": _result(version, [], now),
                "created_by": saved_by,
            },
        )
    return scenario


def check(scenario: JourneyScenario, version: JourneyVersion, now: datetime) -> dict[str, Any]:
    """The result of the scenario with this version; stores nothing."""
    try:
        outcome = _tried(version, scenario.request, now)
    except InvalidError as error:
        return _result(version, [f"It could not be run: {error.detail}"], now)
    return _result(version, differences(scenario.expected, outcome, version.definition), now)


def run_all(*, version: JourneyVersion, now: datetime) -> list[JourneyScenario]:
    """Run every scenario of the journey with this version and keep the results."""
    scenarios = list(version.journey.scenarios.order_by("name"))
    for scenario in scenarios:
        scenario.result = check(scenario, version, now)
        scenario.save(update_fields=["result", "updated_at"])
    return scenarios


def failing(version: JourneyVersion, now: datetime) -> list[tuple[JourneyScenario, list[str]]]:
    """The scenarios that would not come out as expected, with what is different; stores nothing."""
    found = [(one, check(one, version, now)) for one in version.journey.scenarios.order_by("name")]
    return [(scenario, result["differences"]) for scenario, result in found if not result["ok"]]


def outcome_of(result: TestResult) -> dict[str, Any]:
    """`{"entered": runs, "completed", "steps": {id: branch or "", null while waiting}, "sent": [[id, value], …]}`."""
    steps: dict[str, str | None] = {}
    for run in result.runs:
        for position in run.positions.values():
            steps[position.step_id] = None if position.joined_at is None else position.branch
    return {
        "entered": len(result.runs),
        "completed": any(run.completed_at is not None for run in result.runs),
        "steps": steps,
        "sent": [[entry.step_id, entry.value] for entry in result.trace if entry.value is not None],
    }


def differences(expected: Mapping[str, Any], found: Mapping[str, Any], definition: Mapping[str, Any]) -> list[str]:
    """What came out otherwise, in sentences; none: the scenario passes."""
    names = {step["id"]: step.get("name") or step["id"] for step in steps_of(definition)} | {ENTRY: "Entry"}
    told: list[str] = []
    if expected["entered"] != found["entered"]:
        told.append(f"The person enters {_times(found['entered'])}; expected was {_times(expected['entered'])}.")
    for step in [*expected["steps"], *(step for step in found["steps"] if step not in expected["steps"])]:
        name = names.get(step, step)
        before, now = expected["steps"].get(step, _NOT_REACHED), found["steps"].get(step, _NOT_REACHED)
        if before != now:
            told.append(f"“{name}”: {_stay(now)}; expected was: {_stay(before)}.")
    if expected["sent"] != found["sent"]:
        told.append(f"Sent: {_sends(found['sent'], names)}; expected was: {_sends(expected['sent'], names)}.")
    if expected["completed"] != found["completed"]:
        told.append("The journey is completed now." if found["completed"] else "The journey is not completed any more.")
    return told


_NOT_REACHED = "-"


def _times(number: int) -> str:
    return {0: "never", 1: "once"}.get(number, f"{number} times")


def _stay(branch: str | None) -> str:
    if branch == _NOT_REACHED:
        return "not reached"
    if branch is None:
        return "waits for it"
    return f"takes the branch {branch}" if branch else "reached"


def _sends(sent: list[list[Any]], names: Mapping[str, str]) -> str:
    words = [f"{names.get(step, step)} ({'true' if value else 'false'})" for step, value in sent]
    return ", ".join(words) or "nothing"


def _tried(version: JourneyVersion, request: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    result = test_person(
        space=version.journey.space,
        journey=version.journey,
        definition=version.definition,
        request=read_request(request),
        now=now,
        tested_by=None,
    )
    return outcome_of(result)


def _result(version: JourneyVersion, told: list[str], now: datetime) -> dict[str, Any]:
    return {
        "ok": not told,
        "differences": told,
        "at": iso(now),
        "version": version.number,
        "revision": version.revision,
    }
