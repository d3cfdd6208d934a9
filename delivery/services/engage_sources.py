"""Engage sources: on which background source of its space each destination is (engage-domain.md §4, F029).

A source holds one instance of a connector, since the instances share their name in `integrations`. Destinations are
placed when somebody looks or a call is emitted: the first source without an instance of the same connector takes it,
also one that a deleted destination left. A destination that an ordinary source feeds is on none.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from common.locks import LockClass
from delivery.models import EngageSource, EngageSourceMember
from delivery.services.attachments import fed_by_sources
from destinations import catalog
from destinations.models import Destination
from spaces.models import Space


@dataclass(frozen=True, slots=True)
class Member:
    """A destination on a source; `name` is the one in `integrations` objects."""

    destination_id: int
    source_id: int
    connector: str
    name: str
    attached_at: datetime


@dataclass(frozen=True, slots=True)
class Routing:
    """The sources of a space as one emission sees them."""

    members: dict[int, Member]

    def same_source(self, destination_id: int, others: Collection[int]) -> list[int]:
        """Those of `others` that are on the source of a destination, in the given order."""
        own = self.members.get(destination_id)
        return [
            one
            for one in others
            if one == destination_id
            or (own is not None and one in self.members and self.members[one].source_id == own.source_id)
        ]

    def passed_over(self, destination_id: int, names: Collection[str], *, now: datetime) -> list[int]:
        """The destinations on the same source that a call to these names is not for."""
        own = self.members.get(destination_id)
        return [
            member.destination_id
            for member in self.members.values()
            if own is not None
            and member.source_id == own.source_id
            and member.name not in names
            and member.attached_at <= now
        ]


def routing(space: Space) -> Routing:
    """Where the destinations of a space are; new ones are placed first. Call inside a transaction."""
    if _unplaced(space):
        place(space)
    # Nobody is placed while calls are emitted, so that a source's calls are counted for all that were on it.
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [LockClass.ENGAGE_SOURCES, space.pk])
    return Routing({member.destination_id: member for member in _members(space)})


def sources_of(space: Space) -> list[EngageSource]:
    """Every Engage source of the space, the first one made when there is none; destinations are placed first."""
    if _unplaced(space) or not EngageSource.objects.in_space(space).exists():
        place(space)
    return list(EngageSource.objects.in_space(space).select_related("space"))


@transaction.atomic
def place(space: Space) -> None:
    """Take deleted destinations off their source and put new ones on the first that has room."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LockClass.ENGAGE_SOURCES, space.pk])
    now = timezone.now()
    _detach(space)
    sources = list(EngageSource.objects.in_space(space))
    if not sources:
        sources.append(EngageSource.objects.create(space=space, number=1, created_at=now))
    taken = {source.pk: set[str]() for source in sources}
    held = EngageSourceMember.objects.filter(source__space=space, detached_at=None)
    for source_id, connector in held.values_list("source_id", "connector"):
        taken[source_id].add(connector)
    for destination in _unplaced(space):
        source = next((one for one in sources if destination.connector not in taken[one.pk]), None)
        if source is None:
            source = EngageSource.objects.create(space=space, number=len(sources) + 1, created_at=now)
            sources.append(source)
            taken[source.pk] = set()
        taken[source.pk].add(destination.connector)
        EngageSourceMember.objects.create(
            source=source, destination=destination, connector=destination.connector, attached_at=now
        )


def _detach(space: Space) -> None:
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_engagesourcemember m SET detached_at = d.deleted_at "
            "FROM destinations_destination d, delivery_engagesource s WHERE d.id = m.destination_id "
            "AND s.id = m.source_id AND s.space_id = %s AND m.detached_at IS NULL AND d.deleted_at IS NOT NULL",
            [space.pk],
        )


def _unplaced(space: Space) -> Sequence[Destination]:
    return list(
        Destination.objects.in_space(space)
        .filter(deleted_at=None, engage_member=None)
        .exclude(pk__in=fed_by_sources().values("destination_id"))
        .order_by("created_at", "pk")
    )


def _members(space: Space) -> list[Member]:
    rows = EngageSourceMember.objects.filter(
        source__space=space, detached_at=None, destination__deleted_at=None
    ).exclude(destination_id__in=fed_by_sources().values("destination_id"))
    found = []
    for destination_id, source_id, connector, attached_at in rows.order_by("source_id", "destination_id").values_list(
        "destination_id", "source_id", "connector", "attached_at"
    ):
        definition = catalog.definition(connector)
        name = definition.name if definition is not None else connector
        found.append(Member(destination_id, source_id, connector, name, attached_at))
    return found
