"""A space with a clock that tests move: events come, evaluations and what is due are worked off as the workers do."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import time_machine
from django.db import connection
from django.utils import timezone

from audiences.models import ChangedProfiles
from audiences.services.compute import compute_block, recheck_block
from delivery.models import Connection, Delivery
from delivery.tests.builders import make_destination
from destinations.models import Destination
from journeys.models import JourneyVersion
from journeys.services.due import due_block
from journeys.tests.factories import row_of
from profiles.models import Profile
from spaces.models import Space
from tests import factories

START = datetime.fromisoformat("2026-03-15T12:00:00+00:00")
MOST_ROUNDS = 200
_numbers = itertools.count(1)


class Stage:
    def __init__(self, space: Space, clock: time_machine.Coordinates) -> None:
        self.space = space
        self.clock = clock

    @property
    def now(self) -> datetime:
        return timezone.now()

    def person(self, **options: Any) -> Profile:
        """A profile with a user id, made now."""
        return factories.make_profile(space=self.space, created_at=self.now, **options)

    def people(self, count: int) -> list[Profile]:
        return [self.person() for _ in range(count)]

    def track(self, *people: Profile, name: str = "Signed Up", **properties: Any) -> None:
        """Everybody does it now; nothing is evaluated yet."""
        for profile in people:
            factories.make_event(profile=profile, name=name, ts=self.now, properties=properties)
        self.touch(*people, events=[f"track:{name}"], traits=[])

    def touch(self, *people: Profile, events: list[str] | None = None, traits: list[str] | None = None) -> None:
        """Queue people for evaluation; without events and traits, as after a merge or a new identifier."""
        ChangedProfiles.objects.create(
            space_id=self.space.pk,
            profile_ids=[profile.id for profile in people],
            events=events,
            traits=traits,
            max_received_at=self.now,
        )

    def write_trait(self, profile: Profile, **traits: Any) -> None:
        profile.traits = {**profile.traits, **traits}
        Profile.objects.filter(id=profile.id).update(traits=profile.traits)
        self.touch(profile, events=[], traits=list(traits))

    def settle(self) -> None:
        """Work off everything that is due now, events first."""
        for _ in range(MOST_ROUNDS):
            done = compute_block(space=self.space) + recheck_block(space=self.space) + due_block(space=self.space)
            if not done:
                return
        raise AssertionError("The work does not come to an end.")

    def go(self, **duration: float) -> None:
        """Let time pass, and settle."""
        self.clock.shift(timedelta(**duration))
        self.settle()

    def send(self, *people: Profile, name: str = "Signed Up", **properties: Any) -> None:
        """`track`, and settle."""
        self.track(*people, name=name, **properties)
        self.settle()

    def hook(self, **options: Any) -> Destination:
        """An event destination."""
        return make_destination(space=self.space, **options)

    def sent(self, version: JourneyVersion, step_id: str) -> list[tuple[int, str]]:
        """(profile id, event or "true"/"false") of every call queued for the step, in order."""
        connections = Connection.objects.filter(computation_id=row_of(version, step_id).public_id)
        rows = Delivery.objects.filter(connection_id__in=connections.values("pk"), kind="track").order_by("id")
        return [(row.profile_id, _event_of(row.payload)) for row in rows]


def _event_of(payload: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::jsonb ->> 'event'", [payload])
        return str(cursor.fetchone()[0])


@contextmanager
def staged(space: Space, start: datetime = START) -> Iterator[Stage]:
    with time_machine.travel(start, tick=False) as clock:
        yield Stage(space, clock)


def send_step(step_id: str, after: Any, destination: Destination, **more: Any) -> dict[str, Any]:
    """A step that sends track calls to one destination."""
    connection_ = {"destination": destination.public_id, "send_identify": False, "send_track": True}
    return {"id": step_id, "type": "send_to_destinations", "after": after, "connections": [connection_], **more}
