"""What is stored of people, in blocks and with as few statements as a block needs: what a dry run replays.

Two things are not kept: earlier values of traits, and what an import would have looked like when it happened. So a
replay takes every event as received when it happened, and traits as `Traits` says.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Any

from django.db import connection

from engine.conditions import EventRecord
from profiles.models import USERS, EventType
from spaces.models import Space

BLOCK_PROFILES = 500
TYPE_NUMBERS = {kind.label: kind.value for kind in EventType}
TYPE_NAMES = {kind.value: kind.label for kind in EventType}
NO_PROPERTIES: Mapping[str, Any] = {}
_loads = partial(json.loads, parse_float=Decimal)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# A person's events by the primary key, whatever the statistics say.
EVENTS = """
SELECT e.profile_id, e.type, e.name, e.ts, e.received_at, e.id, {properties}
FROM unnest(%(ids)s::bigint[]) AS i(id) CROSS JOIN LATERAL (
    SELECT e.* FROM event e
    WHERE e.space_id = %(space)s AND e.profile_id = i.id AND ({kinds}) AND e.ts <= %(until)s
      AND (%(is_replayed)s OR e.received_at <= %(until)s) OFFSET 0
) e
ORDER BY e.profile_id, e.ts, e.id
"""
PROFILES = """
SELECT p.id, p.segment_id, p.traits::text, p.trait_times::text FROM profile p
WHERE p.space_id = %(space)s AND p.collection = %(collection)s AND p.id > %(after)s {wanted}
ORDER BY p.id LIMIT %(limit)s
"""
# Of audiences, and of audiences of the people's accounts.
MEMBERSHIPS = """
SELECT profile_id, audience_id FROM membership WHERE space_id = %(space)s AND is_member
AND audience_id = ANY(%(audiences)s::bigint[]) AND profile_id = ANY(%(ids)s::bigint[])
UNION
SELECT l.profile_id, m.audience_id FROM account_link l
JOIN membership m ON m.space_id = l.space_id AND m.profile_id = l.account_id AND m.is_member
AND m.audience_id = ANY(%(audiences)s::bigint[])
WHERE l.space_id = %(space)s AND l.profile_id = ANY(%(ids)s::bigint[])
"""
HAS_EVENTS = (
    "AND EXISTS (SELECT FROM event e WHERE e.space_id = p.space_id AND e.profile_id = p.id AND ({kinds}) "
    "AND e.ts <= %(until)s)"
)


class Traits(StrEnum):
    """Which traits a replay sees: today's values all along, or each from the call that last wrote it."""

    AS_TODAY = "as_today"
    AS_WRITTEN = "as_written"


class Arrival(StrEnum):
    """When a replayed event counts from: when it happened, or when it was received."""

    HAPPENED = "happened"
    RECEIVED = "received"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The events that matter: (type, name), name None for any of the type. `with_properties`: they are looked at.

    `entering`: nobody without one of these can enter, so such profiles are passed over; None = anybody may.
    """

    events: frozenset[tuple[str, str | None]]
    with_properties: bool
    entering: frozenset[tuple[str, str | None]] | None = None


@dataclass(slots=True, kw_only=True)
class StoredPerson:
    """A profile as it is stored. `written` tells when each trait was last written."""

    profile_id: int
    segment_id: str
    traits: Mapping[str, Any]
    written: Mapping[str, datetime]
    identifiers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    events: Sequence[EventRecord] = ()
    memberships: frozenset[int] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Loader:
    """Loads people of a space with what happened to them up to `until`.

    `audience_ids` are those whose stored membership is needed (of deleted and disabled audiences).
    """

    space: Space
    wanted: Wanted
    until: datetime
    arrival: Arrival = Arrival.HAPPENED
    audience_ids: Sequence[int] = ()

    def block(self, *, after: int, limit: int = BLOCK_PROFILES) -> list[StoredPerson]:
        """The next people by profile id; empty at the end."""
        params = self._params() | {"after": after, "limit": limit, "collection": USERS}
        wanted = ""
        if self.wanted.entering is not None:
            wanted = HAS_EVENTS.format(kinds=self._kinds(self.wanted.entering, params, "n"))
        with connection.cursor() as cursor:
            cursor.execute(PROFILES.format(wanted=wanted), params)
            rows = cursor.fetchall()
        return self._people(rows)

    def one(self, profile_id: int) -> StoredPerson | None:
        """One profile with all of its wanted events; None when there is no such user profile."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT id, segment_id, traits::text, trait_times::text FROM profile "
                "WHERE space_id = %s AND collection = %s AND id = %s",
                [self.space.pk, USERS, profile_id],
            )
            rows = cursor.fetchall()
        return next(iter(self._people(rows)), None)

    def count(self) -> int:
        """How many profiles `block` gives in all."""
        params = self._params() | {"collection": USERS}
        wanted = ""
        if self.wanted.entering is not None:
            wanted = HAS_EVENTS.format(kinds=self._kinds(self.wanted.entering, params, "n"))
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT count(*) FROM profile p WHERE p.space_id = %(space)s AND p.collection = %(collection)s {wanted}",  # noqa: S608, E501
                params,
            )
            return int(cursor.fetchone()[0])

    def _params(self) -> dict[str, Any]:
        return {
            "space": self.space.pk,
            "until": self.until,
            "is_replayed": self.arrival is Arrival.HAPPENED,
        }

    def _people(self, rows: Sequence[tuple[int, str, str, str]]) -> list[StoredPerson]:
        ids = [row[0] for row in rows]
        if not ids:
            return []
        identifiers, events, memberships = self._identifiers(ids), self._events(ids), self._memberships(ids)
        return [
            StoredPerson(
                profile_id=profile_id,
                segment_id=segment_id,
                traits=_loads(traits),
                written={key: _EPOCH + timedelta(milliseconds=ms) for key, ms in json.loads(times).items()},
                identifiers=identifiers.get(profile_id, {}),
                events=events.get(profile_id, ()),
                memberships=frozenset(memberships.get(profile_id, ())),
            )
            for profile_id, segment_id, traits, times in rows
        ]

    def _identifiers(self, ids: Sequence[int]) -> dict[int, dict[str, list[str]]]:
        """By type, oldest first, as deliveries read them."""
        found: dict[int, dict[str, list[str]]] = {}
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT profile_id, id_type, original FROM external_id WHERE space_id = %s "
                "AND profile_id = ANY(%s::bigint[]) ORDER BY profile_id, created_at, value",
                [self.space.pk, list(ids)],
            )
            for profile_id, id_type, value in cursor.fetchall():
                found.setdefault(profile_id, {}).setdefault(id_type, []).append(value)
        return found

    def _events(self, ids: Sequence[int]) -> dict[int, list[EventRecord]]:
        if not self.wanted.events:
            return {}
        params = self._params() | {"ids": list(ids)}
        properties = "e.properties::text" if self.wanted.with_properties else "NULL"
        statement = EVENTS.format(kinds=self._kinds(self.wanted.events, params, "k"), properties=properties)
        is_replayed = self.arrival is Arrival.HAPPENED
        found: dict[int, list[EventRecord]] = defaultdict(list)
        with connection.cursor() as cursor:
            cursor.execute(statement, params)
            for profile_id, kind, name, ts, received_at, event_id, text in cursor.fetchall():
                found[profile_id].append(
                    EventRecord(
                        id=str(event_id),
                        type=TYPE_NAMES[kind],
                        name=name,
                        timestamp=ts,
                        received_at=ts if is_replayed else received_at,
                        properties=_loads(text) if text and text != "{}" else NO_PROPERTIES,
                    )
                )
        return found

    def _memberships(self, ids: Sequence[int]) -> dict[int, set[int]]:
        if not self.audience_ids:
            return {}
        found: dict[int, set[int]] = defaultdict(set)
        with connection.cursor() as cursor:
            cursor.execute(
                MEMBERSHIPS,
                {"space": self.space.pk, "audiences": list(self.audience_ids), "ids": list(ids)},
            )
            for profile_id, audience_id in cursor.fetchall():
                found[profile_id].add(audience_id)
        return found

    def _kinds(self, kinds: frozenset[tuple[str, str | None]], params: dict[str, Any], prefix: str) -> str:
        """A test of an event `e`, with its names among the parameters."""
        tests = []
        for type_name in sorted({kind for kind, _ in kinds}):
            number = TYPE_NUMBERS[type_name]
            names = sorted(name for kind, name in kinds if kind == type_name and name is not None)
            if (type_name, None) in kinds:
                tests.append(f"e.type = {number}")
                continue
            params[f"{prefix}{number}"] = names
            tests.append(f"e.type = {number} AND e.name = ANY(%({prefix}{number})s::text[])")
        return " OR ".join(f"({test})" for test in tests) or "false"


def blocks(loader: Loader, *, after: int = 0, limit: int = BLOCK_PROFILES) -> Iterator[list[StoredPerson]]:
    """All people from `after` on, block by block."""
    while people := loader.block(after=after, limit=limit):
        yield people
        after = people[-1].profile_id
