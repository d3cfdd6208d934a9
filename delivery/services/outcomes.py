"""Writing down what became of calls, in blocks: one transaction for up to a few hundred of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from django.db import connection as database
from django.db import transaction

from delivery.models import HELD, Outcome
from delivery.services import counters
from delivery.services.counters import Count
from delivery.services.outbox import Claimed

FINISH = """
WITH given AS (
    SELECT * FROM json_to_recordset(%s::json) AS g(s integer, p bigint, i bigint, attempts smallint, outcome text,
        reason text, detail text, status smallint, duration_ms integer, exchange text)
), gone AS (
    DELETE FROM delivery d USING given g WHERE d.space_id = g.s AND d.profile_id = g.p AND d.id = g.i
    RETURNING d.space_id, d.id, d.destination_id, d.connection_id, d.profile_id, d.message_id, d.kind, d.payload,
        d.created_at, g.attempts, g.outcome, g.reason, g.detail, g.status, g.duration_ms, g.exchange
), logged AS (
    INSERT INTO delivery_log (space_id, id, destination_id, connection_id, profile_id, message_id, kind, payload,
        created_at, attempts, outcome, reason, detail, status, duration_ms, exchange, finished_at)
    SELECT *, %s FROM gone
    RETURNING space_id, connection_id, destination_id, outcome, reason
)
SELECT space_id, connection_id, destination_id, outcome, coalesce(reason, ''), count(*) FROM logged
GROUP BY 1, 2, 3, 4, 5
"""
RETRY = """
WITH given AS (
    SELECT * FROM json_to_recordset(%s::json) AS g(s integer, p bigint, i bigint, c bigint, attempts smallint,
        first_attempt_at timestamptz, next_attempt_at timestamptz, last_error text, done text)
), followers AS (
    UPDATE delivery d SET next_attempt_at = g.next_attempt_at FROM given g
    WHERE d.space_id = g.s AND d.profile_id = g.p AND d.connection_id = g.c AND d.id > g.i
      AND d.next_attempt_at < g.next_attempt_at
)
UPDATE delivery d SET lease_until = NULL, attempts = g.attempts, first_attempt_at = g.first_attempt_at,
    next_attempt_at = CASE WHEN c.is_enabled THEN g.next_attempt_at ELSE %s END, last_error = g.last_error,
    done = g.done
FROM given g JOIN delivery_connection c ON c.id = g.c
WHERE d.space_id = g.s AND d.profile_id = g.p AND d.id = g.i
"""
ATTEMPTS = """
INSERT INTO attempt (space_id, delivery_id, number, at, status, reason, detail, duration_ms, exchange)
SELECT g.s, g.i, g.attempts, %s, g.status, g.reason, g.detail, g.duration_ms, g.exchange
FROM json_to_recordset(%s::json) AS g(s integer, i bigint, attempts smallint, reason text, detail text,
    status smallint, duration_ms integer, exchange text)
ON CONFLICT DO NOTHING
"""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one attempt. `outcome` None: to be tried again at `next_attempt_at`.

    `attempts` counts this one; 0 when nothing was sent. `done` are the mapping ids that were delivered already.
    """

    call: Claimed
    outcome: Outcome | None
    attempts: int
    reason: str | None = None
    detail: str | None = None
    status: int | None = None
    duration_ms: int | None = None
    exchange: str | None = None
    first_attempt_at: datetime | None = None
    next_attempt_at: datetime | None = None
    done: str | None = None


def record(results: Sequence[Result], *, now: datetime) -> None:
    """Finished calls move to the log, others get their next time and hold back their followers; all is counted.

    A call that somebody else finished meanwhile (its lease had run out) is left as it is and not counted twice.
    """
    finished = [_row(result) for result in results if result.outcome is not None]
    retried = [_row(result) for result in results if result.outcome is None]
    failed = [
        _row(result)
        for result in results
        if result.attempts and (result.outcome is None or result.outcome == Outcome.FAILED)
    ]
    with transaction.atomic(), database.cursor() as cursor:
        counts: list[Count] = []
        if finished:
            cursor.execute(FINISH, [_json(finished), now])
            counts = [
                Count(
                    space_id=space_id,
                    connection_id=connection_id,
                    destination_id=destination_id,
                    outcome=outcome,
                    reason=reason,
                    calls=calls,
                )
                for space_id, connection_id, destination_id, outcome, reason, calls in cursor.fetchall()
            ]
        if retried:
            cursor.execute(RETRY, [_json(retried), HELD])
        if failed:
            cursor.execute(ATTEMPTS, [now, _json(failed)])
        counters.add(counts, now=now)


def _json(rows: list[dict[str, object]]) -> str:
    return msgspec.json.encode(rows).decode()


def _row(result: Result) -> dict[str, object]:
    call = result.call
    row: dict[str, object] = {
        "s": call.space_id,
        "p": call.profile_id,
        "i": call.id,
        "c": call.connection_id,
        "attempts": result.attempts,
        "outcome": result.outcome,
        "reason": result.reason,
        "detail": result.detail,
        "status": result.status,
        "duration_ms": result.duration_ms,
        "exchange": result.exchange,
    }
    if result.outcome is None:
        row |= {
            "first_attempt_at": result.first_attempt_at,
            "next_attempt_at": result.next_attempt_at,
            "last_error": result.detail,
            "done": result.done,
        }
    return row
