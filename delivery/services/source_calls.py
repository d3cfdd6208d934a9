"""From received events to calls in the outbox, in the transaction that stores the events (F136).

A kill loses nothing and doubles nothing: the request, its dedupe keys, its events and these calls are one transaction.
A space without such connections pays one look-up in an index for each run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from django.db import connection as database

from common.tasks import enqueue
from delivery.models import Connection
from delivery.services import counters, skipping, tallies
from delivery.services.copying import copy_rows, escape
from delivery.services.counters import Count
from delivery.services.tallies import Tally
from delivery.tasks import deliver

# Held until the end of the transaction, so that nobody disconnects what is being emitted to.
LIVE = """
SELECT s.id, c.id FROM spaces_source s
JOIN delivery_connection c ON c.space_id = s.space_id AND c.computation_id = s.public_id
JOIN destinations_destination d ON d.id = c.destination_id
WHERE s.id = ANY(%s) AND c.computation_class = 'source' AND c.removed_at IS NULL AND c.is_enabled
    AND d.deleted_at IS NULL
ORDER BY c.id FOR SHARE OF c
"""
COLUMNS = (
    "space_id, destination_id, connection_id, profile_id, message_id, kind, event, payload, created_at, next_attempt_at"
)
NULL = "\\N"
# By which a stand-in for a profile is found, the first one that a call has.
STAND_IN_TYPES = ("user_id", "anonymous_id")

Direct = Mapping[int, Sequence[Connection]]


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceCall:
    """An event to be sent on. `event` is the name of a track call; `payload` the event as JSON text."""

    source_id: int
    profile_id: int
    message_id: str
    kind: str
    event: str
    payload: str


def direct_connections(source_ids: Collection[int]) -> Direct:
    """The connections that send, by source; {} for nearly all spaces. Call it inside the transaction that emits."""
    if not source_ids:
        return {}
    with database.cursor() as cursor:
        cursor.execute(LIVE, [sorted(source_ids)])
        pairs = cursor.fetchall()
    if not pairs:
        return {}
    known = Connection.objects.select_related("destination", "space").in_bulk([pk for _source, pk in pairs])
    found: dict[int, list[Connection]] = {}
    for source_id, pk in pairs:
        found.setdefault(source_id, []).append(known[pk])
    return found


def emit_source_calls(direct: Direct, calls: Sequence[SourceCall], *, now: datetime) -> int:
    """Queue the calls for every connection of their source, in their order; returns how many.

    What a disabled destination misses is recorded (`skipping`), so that it can be replayed.
    """
    by_source: dict[int, list[SourceCall]] = {}
    for call in calls:
        by_source.setdefault(call.source_id, []).append(call)
    given = [(connection, by_source[source]) for source in by_source for connection in direct.get(source, ())]
    if not given:
        return 0
    given.sort(key=lambda pair: pair[0].pk)
    before = tallies.last_id()
    copy_rows("delivery", COLUMNS, [row for connection, own in given for row in _rows(connection, own, now)])
    _count(given, before=before, now=now)
    for connection, _own in given:
        if not connection.destination.is_enabled:
            skipping.skip(connection, after_id=before, now=now)
    if any(connection.destination.is_enabled for connection, _own in given):
        enqueue(deliver)
    return sum(len(own) for _connection, own in given)


def stand_in(space_id: int, *, id_type: str, value: str) -> int:
    """The profile of calls about somebody whom the space does not know: the same for the same user, and below zero.

    Such calls keep their order as those of a profile do, and a deletion finds them.
    """
    digest = sha256(f"{space_id}:{id_type}:{value}".encode("utf-8", "surrogatepass")).digest()
    return -1 - int.from_bytes(digest[:7], "big")


def _rows(connection: Connection, calls: Sequence[SourceCall], now: datetime) -> list[str]:
    prefix = f"{connection.space_id}\t{connection.destination_id}\t{connection.pk}\t"
    suffix = f"\t{now.isoformat()}\t{now.isoformat()}"
    rows = []
    for call in calls:
        payload = call.payload.replace("\\", "\\\\") if "\\" in call.payload else call.payload
        event = escape(call.event) if call.event else NULL
        rows.append(f"{prefix}{call.profile_id}\t{escape(call.message_id)}\t{call.kind}\t{event}\t{payload}{suffix}")
    return rows


def _count(given: Sequence[tuple[Connection, Sequence[SourceCall]]], *, before: int, now: datetime) -> None:
    """The books and the overview: all connections at once, in the order in which the workers count too."""
    counters.add([Count.of(connection, counters.EMITTED, calls=len(own)) for connection, own in given], now=now)
    last = tallies.last_id()
    tallies.add(
        Tally.of(
            connection,
            tallies.EMITTED,
            created_at=now,
            kind=kind,
            event=event,
            calls=number,
            first_id=before,
            last_id=last,
        )
        for connection, own in given
        for (kind, event), number in Counter((call.kind, call.event) for call in own).items()
    )
