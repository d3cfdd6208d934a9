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
from spaces.models import Source

# Held until the end of the transaction, so that nobody disconnects what is being emitted to.
LIVE = """
SELECT id FROM delivery_connection WHERE space_id = ANY(%s) AND computation_class = 'source' AND removed_at IS NULL
    AND is_enabled ORDER BY id FOR SHARE
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


def direct_connections(space_ids: Collection[int]) -> Direct:
    """The connections of these spaces that send, by source; {} for nearly all. Inside the transaction that emits."""
    with database.cursor() as cursor:
        cursor.execute(LIVE, [sorted(space_ids)])
        ids = [row[0] for row in cursor.fetchall()]
    if not ids:
        return {}
    rows = Connection.objects.filter(pk__in=ids, destination__deleted_at=None).select_related("destination", "space")
    live = list(rows.order_by("pk"))
    named = Source.objects.filter(public_id__in={one.computation_id for one in live})
    sources = dict(named.values_list("public_id", "pk"))
    found: dict[int, list[Connection]] = {}
    for connection in live:
        if connection.computation_id in sources:
            found.setdefault(sources[connection.computation_id], []).append(connection)
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
