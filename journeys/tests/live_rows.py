"""Runs and positions written down by hand, with the counts that the engine writes beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from journeys.models import EndReason, JourneyVersion, Position, Run
from journeys.services.counting import Tally, add
from journeys.tests.factories import make_definition, make_live_journey, row_of, where
from profiles.models import Profile
from spaces.models import Space
from tests import factories
from tests.factories import NOW

ORDERED = where({"event": "Order Completed"})
HOUR = timedelta(hours=1)


def shop_journey(**settings: Any) -> dict[str, Any]:
    """Entry, wait for an order, wait an hour, split by plan, and send on the true branch."""
    return make_definition(
        {"id": "order", "type": "condition", "after": "entry", "name": "Ordered", "condition": ORDERED},
        {"id": "rest", "type": "delay", "after": "order", "name": "", "duration": {"hours": 1}},
        {
            "id": "pro",
            "type": "true_false",
            "after": "rest",
            "name": "On the pro plan?",
            "condition": where({"trait": "plan", "equals": "pro"}),
            "true_name": "Pros",
            "false_name": "Others",
        },
        {
            "id": "thanks",
            "type": "send_to_destinations",
            "after": {"step": "pro", "branch": "true"},
            "name": "Thanks",
            "connections": [],
        },
        **{"name": "First purchase", **settings},
    )


def shop_version(space: Space, **settings: Any) -> JourneyVersion:
    return make_live_journey(
        space=space, definition=shop_journey(**settings), published_at=NOW - timedelta(days=30), computes=False
    )


@dataclass(frozen=True, kw_only=True)
class Stop:
    """A stay at a step, times as hours after NOW; None = not (yet)."""

    step: str
    arrived: float = 0
    joined: float | None = None
    left: float | None = None
    branch: str = ""
    wake: float | None = None
    removed: float | None = None


@dataclass(frozen=True, kw_only=True)
class Past:
    """How a run began and ended, in hours after NOW."""

    entered: float = 0
    completed: float | None = None
    ended: float | None = None
    reason: str = EndReason.EXITED
    more: Mapping[str, Any] = field(default_factory=dict)


def at(hours: float | None) -> datetime | None:
    return None if hours is None else NOW + hours * HOUR


def moment(hours: float) -> datetime:
    return NOW + hours * HOUR


def person(space: Space, name: str, **traits: Any) -> Profile:
    return factories.make_profile(
        space=space,
        traits={"name": name, **traits},
        ids=[("user_id", name.lower()), ("email", f"{name.lower()}@example.com")],
    )


def walked(version: JourneyVersion, profile: Profile, *stops: Stop, past: Past | None = None) -> Run:
    """One run with its entry and these stays; the counts grow with it."""
    past = past or Past()
    space = version.journey.space
    earlier = Run.objects.filter(version_id=version.pk, profile_id=profile.id).exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('journey_run_id_seq')")
        number = cursor.fetchone()[0]
    run = Run.objects.create(
        space_id=space.pk,
        profile_id=profile.id,
        id=number,
        journey_id=version.journey_id,
        version_id=version.pk,
        entered_at=moment(past.entered),
        completed_at=at(past.completed),
        ended_at=at(past.ended),
        end_reason=past.reason if past.ended is not None else "",
        **past.more,
    )
    _count_run(space, version, past)
    first = min((stop.arrived for stop in stops), default=None)
    entry = Stop(step="entry", arrived=past.entered, joined=past.entered, left=_left_entry(stops, first, past))
    for stop in (entry, *stops):
        _stay(space, version, run, stop, is_first=not earlier)
    return run


def _left_entry(stops: tuple[Stop, ...], first: float | None, past: Past) -> float | None:
    joined = [stop.joined for stop in stops if stop.joined is not None]
    return min(joined) if joined and first is not None else past.ended


def _count_run(space: Space, version: JourneyVersion, past: Past) -> None:
    tally = Tally()
    tally.entered(version.pk)
    add(space_id=space.pk, tally=tally, now=moment(past.entered))
    if past.completed is not None:
        tally = Tally()
        tally.completed(version.pk)
        add(space_id=space.pk, tally=tally, now=moment(past.completed))
    elif past.ended is not None:
        tally = Tally()
        (tally.exited if past.reason == EndReason.EXITED else tally.ended)(version.pk)
        add(space_id=space.pk, tally=tally, now=moment(past.ended))


def _stay(space: Space, version: JourneyVersion, run: Run, stop: Stop, *, is_first: bool) -> None:
    row = row_of(version, stop.step)
    Position.objects.create(
        space_id=space.pk,
        profile_id=run.profile_id,
        run_id=run.id,
        step_id=row.pk,
        version_id=version.pk,
        arrived_at=moment(stop.arrived),
        joined_at=at(stop.joined),
        left_at=at(stop.left),
        branch=stop.branch,
        wake_at=at(stop.wake),
        removed_at=at(stop.removed),
    )
    tally = Tally()
    tally.arrived(version.pk, row.pk)
    add(space_id=space.pk, tally=tally, now=moment(stop.arrived))
    if stop.joined is not None:
        tally = Tally()
        tally.joined(version.pk, row.pk, stop.branch, is_first=is_first)
        add(space_id=space.pk, tally=tally, now=moment(stop.joined))
    if stop.left is not None:
        tally = Tally()
        if stop.joined is None:
            tally.gave_up(version.pk, row.pk)
        else:
            tally.left(version.pk, row.pk, stop.branch)
        add(space_id=space.pk, tally=tally, now=moment(stop.left))
