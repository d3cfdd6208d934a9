"""Journeys for tests, published without the checks of publishing: every argument has a default."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from audiences.models import Audience, AudiencePurpose, ComputeStatus
from audiences.services.audiences import start_run
from audiences.services.backfill import claim_run, work
from delivery.models import Connection
from destinations.models import Destination
from journeys.models import ENTRY, Journey, JourneyStep, JourneyVersion, Position, Run, VersionState
from spaces.models import Space

_numbers = itertools.count(1)
SIGNED_UP = {"version": 1, "collection": "users", "where": {"event": "Signed Up"}}
SENDING = ("send_to_destinations", "show_ad")


def where(node: Mapping[str, Any]) -> dict[str, Any]:
    """The condition of users whose root is `node`."""
    return {"version": 1, "collection": "users", "where": dict(node)}


def make_definition(
    *steps: Mapping[str, Any],
    entry: Mapping[str, Any] = SIGNED_UP,
    use_historical: bool = False,
    exit_after: Mapping[str, int] | None = None,
    reentry_after: Mapping[str, int] | None = None,
    name: str = "",
) -> dict[str, Any]:
    """A definition of the given steps, each in the form of definitions.md §3; steps without a name get one."""
    return {
        "version": 1,
        "name": name or f"Journey {next(_numbers)}",
        "settings": {
            "exit_after": dict(exit_after) if exit_after else None,
            "reentry_after": dict(reentry_after) if reentry_after else None,
        },
        "entry": {"name": "Entry", "condition": dict(entry), "use_historical": use_historical},
        "steps": [{"name": str(step["id"]), **step} if step["type"] != "connect" else dict(step) for step in steps],
    }


def make_live_journey(
    *,
    space: Space,
    definition: Mapping[str, Any],
    published_at: datetime | None = None,
    journey: Journey | None = None,
    number: int = 1,
    state: str = VersionState.PUBLISHED,
    excludes_earlier: bool = False,
    computes: bool = True,
) -> JourneyVersion:
    """A version with its steps' rows, entry audience and connections. `computes`: over everybody, now."""
    published_at = published_at or timezone.now()
    name = str(definition["name"])
    journey = journey or Journey.objects.create(space=space, name=name, key=name.lower().replace(" ", "_"))
    entry = definition["entry"]
    audience = Audience(
        space=space,
        purpose=AudiencePurpose.JOURNEY_ENTRY,
        name=name,
        definition=entry["condition"],
        include_anonymous=False,
        include_historical=entry["use_historical"],
        historical_from=None if entry["use_historical"] else published_at,
        status=ComputeStatus.PREPARING,
    )
    audience.key = audience.public_id
    audience.save()
    version = JourneyVersion.objects.create(
        journey=journey,
        number=number,
        state=state,
        definition=dict(definition),
        excludes_earlier=excludes_earlier,
        entry_audience=audience,
        published_at=published_at,
    )
    rows = [{"id": ENTRY, "type": ENTRY, "name": entry["name"]}, *definition["steps"]]
    for step in rows:
        row, _ = JourneyStep.objects.get_or_create(
            journey=journey,
            step_id=step["id"],
            defaults={
                "space": space,
                "type": step["type"],
                "name": step.get("name", ""),
                "key": f"j_o_{journey.key}__{step['id']}_{next(_numbers):06}" if step["type"] in SENDING else "",
            },
        )
        for connection in step.get("connections", ()):
            connect(row, connection)
    if computes:
        start_run(audience)
        run_backfills()
    return version


def connect(step: JourneyStep, given: Mapping[str, Any]) -> Connection:
    """The connection of a step to the destination that `given` names by its public id."""
    fields = {key: value for key, value in given.items() if key not in {"destination", "traits", "identifiers"}}
    destination = Destination.objects.get(public_id=given["destination"])
    found, _ = Connection.objects.get_or_create(
        space=step.space,
        destination=destination,
        computation_id=step.public_id,
        removed_at=None,
        defaults={"computation_key": step.key, "computation_name": step.name, **fields},
    )
    return found


def run_backfills(**options: Any) -> None:
    while run := claim_run():
        work(run, **options)


def row_of(version: JourneyVersion, step_id: str) -> JourneyStep:
    return JourneyStep.objects.get(journey_id=version.journey_id, step_id=step_id)


def runs_of(version: JourneyVersion) -> list[Run]:
    return list(Run.objects.filter(version_id=version.pk).order_by("id"))


def positions_of(version: JourneyVersion, profile_id: int | None = None) -> dict[str, list[Position]]:
    """Positions by step id, in the order of their runs."""
    names = dict(JourneyStep.objects.filter(journey_id=version.journey_id).values_list("pk", "step_id"))
    found = Position.objects.filter(version_id=version.pk).order_by("run_id", "step_id")
    if profile_id is not None:
        found = found.filter(profile_id=profile_id)
    by_step: dict[str, list[Position]] = {}
    for position in found:
        by_step.setdefault(names[position.step_id], []).append(position)
    return by_step


def here(version: JourneyVersion, step_id: str) -> set[int]:
    """Profiles that joined the step and have not left it."""
    return _profiles(version, step_id, joined_at__isnull=False, left_at=None)


def waiting(version: JourneyVersion, step_id: str) -> set[int]:
    """Profiles that wait for the step's condition."""
    return _profiles(version, step_id, joined_at=None, left_at=None)


def passed(version: JourneyVersion, step_id: str) -> set[int]:
    """Profiles that ever joined the step."""
    return _profiles(version, step_id, joined_at__isnull=False)


def _profiles(version: JourneyVersion, step_id: str, **condition: Any) -> set[int]:
    step = row_of(version, step_id)
    rows = Position.objects.filter(version_id=version.pk, step_id=step.pk, **condition)
    return set(rows.values_list("profile_id", flat=True))
