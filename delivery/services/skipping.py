"""Calls to a destination that is off: not sent and not queued, but kept with a reason, so that they can be replayed.

List destinations and connections whose first sync is still to come need no such record: a run over all members, which
waits until the destination is on again, brings them up to date.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection as database

from delivery.models import Connection, FirstSync, Outcome
from delivery.selectors.dead_letters import DESTINATION_DISABLED
from delivery.services import counters, first_sync, tallies
from delivery.services.calls import connector_of
from delivery.services.counters import Count
from delivery.services.tallies import Tally

DETAIL = "{name} was off when this call was due, so it was not sent. It can be replayed once the destination is on."

SKIP = """
WITH gone AS (
    DELETE FROM delivery WHERE space_id = %s AND destination_id = %s AND connection_id = %s AND next_attempt_at = %s
    AND id > %s RETURNING *
), logged AS (
    INSERT INTO delivery_log (space_id, id, destination_id, connection_id, profile_id, message_id, kind, event,
        payload, created_at, finished_at, attempts, outcome, reason, detail)
    SELECT space_id, id, destination_id, connection_id, profile_id, message_id, kind, event, payload, created_at, %s,
        0, 'filtered', %s, %s FROM gone RETURNING kind, event
)
SELECT kind, coalesce(event, ''), count(*) FROM logged GROUP BY 1, 2
"""


def skipped(switched_on: Sequence[Connection]) -> list[Connection]:
    """Of the connections whose destination is off those whose calls are recorded; the others get a run later."""
    found = []
    for connection in switched_on:
        if connection.destination.is_enabled:
            continue
        is_list = connector_of(connection.destination).kind == "list"
        if is_list or FirstSync.objects.filter(connection=connection, state__in=first_sync.OPEN).exists():
            first_sync.request(connection)
        else:
            found.append(connection)
    return found


def skip(connection: Connection, *, after_id: int, now: datetime) -> int:
    """Move the calls that were queued at `now`, with ids above `after_id`, to the log; returns how many."""
    detail = DETAIL.format(name=connection.destination.name)
    with database.cursor() as cursor:
        cursor.execute(
            SKIP,
            [
                connection.space_id,
                connection.destination_id,
                connection.pk,
                now,
                after_id,
                now,
                DESTINATION_DISABLED,
                detail,
            ],
        )
        rows = cursor.fetchall()
    calls = sum(row[2] for row in rows)
    counters.add([Count.of(connection, Outcome.FILTERED, reason=DESTINATION_DISABLED, calls=calls)], now=now)
    tallies.add(
        Tally.of(
            connection,
            Outcome.FILTERED,
            created_at=now,
            kind=kind,
            event=event,
            reason=DESTINATION_DISABLED,
            calls=count,
        )
        for kind, event, count in rows
    )
    return int(calls)
