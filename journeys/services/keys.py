"""The rows and keys of a journey's steps, which stay through renames and new versions (F005, F011).

A key is `j_o_<journey>__<step>_<6 random>` (engage-domain.md §3.2), given on the first save of a named step that sends.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from audiences.models import ComputationKey
from common.errors import FieldError
from common.ids import BASE36, random_text
from common.names import snake_case
from engine.journeys.places import entry_of, steps_of
from journeys.models import ENTRY, Journey, JourneyStep, JourneyVersion, VersionState
from spaces.models import Space

SENDING = frozenset({"send_to_destinations", "show_ad"})
KIND = "journey_step"
PREFIX = "j_o_"
MAX_LENGTH = 255
SUFFIX_LENGTH = 6
NAMES_LENGTH = MAX_LENGTH - len(PREFIX) - len("__") - len("_") - SUFFIX_LENGTH
LEAST_JOURNEY_LENGTH = 73
NAME_LENGTH = 170  # of a step (journeys.md §2)


def step_key(*, journey_name: str, step_name: str, suffix: str) -> str:
    """The key of a step. Names without a letter or digit count as "journey" and "step"; long ones are cut."""
    journey = snake_case(journey_name) or "journey"
    step = snake_case(step_name) or "step"
    journey = journey[: max(LEAST_JOURNEY_LENGTH, NAMES_LENGTH - len(step))].rstrip("_")
    step = step[: NAMES_LENGTH - len(journey)].rstrip("_")
    return f"{PREFIX}{journey}__{step}_{suffix}"


def reserve_step_key(*, space: Space, journey_name: str, step_name: str, computation_id: str) -> str:
    """A key that was never used in this space, reserved in the caller's transaction."""
    while True:
        key = step_key(journey_name=journey_name, step_name=step_name, suffix=random_text(BASE36, SUFFIX_LENGTH))
        _, was_free = ComputationKey.objects.get_or_create(
            space=space, key=key, defaults={"kind": KIND, "computation_id": computation_id}
        )
        if was_free:
            return key


def step_rows(journey: Journey) -> dict[str, JourneyStep]:
    """All steps the journey ever saved, by their id in the definition."""
    return {row.step_id: row for row in JourneyStep.objects.filter(journey=journey).order_by("id")}


def sync_steps(version: JourneyVersion) -> dict[str, JourneyStep]:
    """Give every step of the definition its row, and every named step that sends its key; returns all rows.

    Rows of removed steps stay, so that undo and later versions find the same key. While a version runs, the rows carry
    the names that it has.
    """
    journey = version.journey
    rows = step_rows(journey)
    running = _running_steps(version)
    new: list[JourneyStep] = []
    for step in (entry_of(version.definition), *steps_of(version.definition)):
        row = rows.get(step["id"])
        if row is None:
            row = JourneyStep(space_id=journey.space_id, journey=journey, step_id=step["id"], type=step["type"])
            new.append(row)
            _describe(row, step)
        elif step["id"] not in running and (row.type, row.name) != (step["type"], _name(step)):
            _describe(row, step)
            row.save(update_fields=["type", "name", "key"])
        if step["type"] in SENDING and _name(step) and not row.key:
            row.key = reserve_step_key(
                space=journey.space,
                journey_name=journey.name,
                step_name=_name(step),
                computation_id=row.public_id,
            )
            if row.pk is not None:
                row.save(update_fields=["key"])
    JourneyStep.objects.bulk_create(new)
    return step_rows(journey) if new else rows


def type_problems(version: JourneyVersion, definition: Mapping[str, Any]) -> list[FieldError]:
    """Steps whose id was published as a step of another type: people have been there, so the id keeps its type."""
    types = dict(JourneyStep.objects.filter(journey_id=version.journey_id).values_list("step_id", "type"))
    suspects = {
        step["id"]: number
        for number, step in enumerate(steps_of(definition))
        if step["id"] in types and types[step["id"]] != step["type"]
    }
    if not suspects:
        return []
    published = published_types(version.journey)
    found = []
    for number, step in enumerate(steps_of(definition)):
        earlier = published.get(step["id"], step["type"])
        if step["id"] in suspects and earlier != step["type"]:
            detail = (
                f'"{step["id"]}" is a {earlier} step in a published version and keeps its type. '
                f"Give the new {step['type']} step another id."
            )
            found.append(FieldError(path=f"/steps/{number}/id", code="type_fixed", detail=detail))
    return found


def published_types(journey: Journey) -> dict[str, str]:
    """The type of every step that was ever published."""
    definitions = (
        JourneyVersion.objects.filter(journey=journey)
        .exclude(state=VersionState.DRAFT)
        .values_list("definition", flat=True)
    )
    return {step["id"]: step["type"] for definition in definitions for step in steps_of(definition)}


def with_keys(definition: Mapping[str, Any], rows: Mapping[str, JourneyStep]) -> dict[str, Any]:
    """The definition as the API shows it: each step that sends carries its read-only `key` after its name."""
    shown = copy.deepcopy(dict(definition))
    shown["steps"] = [_with_key(step, rows.get(step["id"])) for step in shown.get("steps", [])]
    return shown


def _with_key(step: dict[str, Any], row: JourneyStep | None) -> dict[str, Any]:
    if row is None or not row.key or step["type"] not in SENDING:
        return step
    found: dict[str, Any] = {}
    for name, value in step.items():
        found[name] = value
        if name == "name":
            found["key"] = row.key
    return {**found, "key": row.key}


def _running_steps(version: JourneyVersion) -> set[str]:
    """The ids of the steps of the version that takes people now, unless it is this one."""
    if version.state != VersionState.DRAFT:
        return set()
    current = (
        JourneyVersion.objects.filter(
            journey_id=version.journey_id, state__in=[VersionState.PUBLISHED, VersionState.PAUSED]
        )
        .values_list("definition", flat=True)
        .first()
    )
    return {ENTRY, *(step["id"] for step in steps_of(current))} if current else set()


def _describe(row: JourneyStep, step: Mapping[str, Any]) -> None:
    row.type, row.name = step["type"], _name(step)
    if row.type not in SENDING:
        row.key = ""


def _name(step: Mapping[str, Any]) -> str:
    """As far as the row holds it: an over-long name stops publishing, not saving."""
    return str(step.get("name") or "")[:NAME_LENGTH]
