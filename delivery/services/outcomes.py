"""Writing down what became of calls, in blocks: one transaction for up to a few hundred of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from django.db import connection as database
from django.db import transaction

from delivery.models import HELD, Outcome
from delivery.services import counters, tallies
from delivery.services.counters import Count
from delivery.services.outbox import Claimed
from delivery.services.tallies import Latency, Tally

# The exchanges go beside the rest, one after the other: as JSON in JSON they would be escaped and parsed once more.
# The text between them is a control character, which JSON never holds as it is.
BETWEEN = "\x1f"
FINISH = """
WITH given AS (
    SELECT * FROM ROWS FROM (
        json_to_recordset(%s::json) AS (s integer, p bigint, i bigint, attempts smallint, outcome text,
            reason text, detail text, status smallint, duration_ms integer, mappings text),
        string_to_table(%s, %s)
    ) AS g(s, p, i, attempts, outcome, reason, detail, status, duration_ms, mappings, exchange)
), gone AS (
    DELETE FROM delivery d USING given g WHERE d.space_id = g.s AND d.profile_id = g.p AND d.id = g.i
    RETURNING d.space_id, d.id, d.destination_id, d.connection_id, d.profile_id, d.message_id, d.kind, d.payload,
        d.created_at, g.attempts, g.outcome, g.reason, g.detail, g.status, g.duration_ms,
        nullif(g.exchange, ''), d.event, g.mappings
), logged AS (
    INSERT INTO delivery_log (space_id, id, destination_id, connection_id, profile_id, message_id, kind, payload,
        created_at, attempts, outcome, reason, detail, status, duration_ms, exchange, event, mappings, finished_at)
    SELECT *, %s FROM gone
    RETURNING space_id, connection_id, destination_id, outcome, reason, kind, event, mappings, created_at, finished_at
)
SELECT space_id, connection_id, destination_id, outcome, coalesce(reason, ''), kind, coalesce(event, ''),
    coalesce(mappings, ''), date_bin('5 minutes', created_at, '2000-01-01 00:00:00+00'),
    CASE WHEN outcome = 'delivered' THEN
        ceil(4 * ln(greatest(extract(epoch FROM finished_at - created_at)::float8 * 1000, 1)) / ln(2))::integer
    END, count(*)
FROM logged GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
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
    # JSON: {mapping id: "delivered" or a reason code}, of a finished call.
    mappings: str | None = None


class Group(NamedTuple):
    """Finished calls that are alike: what FINISH returns. `created_at` is the start of a bucket."""

    space_id: int
    connection_id: int
    destination_id: int
    outcome: str
    reason: str
    kind: str
    event: str
    mappings: str
    created_at: datetime
    step: int | None
    calls: int

    def tally(self) -> Tally:
        return Tally(
            space_id=self.space_id,
            destination_id=self.destination_id,
            connection_id=self.connection_id,
            created_at=self.created_at,
            outcome=self.outcome,
            reason=self.reason,
            kind=self.kind,
            event=self.event,
            calls=self.calls,
        )


def record(results: Sequence[Result], *, now: datetime) -> None:
    """Finished calls move to the log, others get their next time and hold back their followers; all is counted.

    A call that somebody else finished meanwhile (its lease had run out) is left as it is and not counted twice.
    """
    finished = [result for result in results if result.outcome is not None]
    retried = [_row(result) for result in results if result.outcome is None]
    failed = [
        _row(result)
        for result in results
        if result.attempts and (result.outcome is None or result.outcome == Outcome.FAILED)
    ]
    with transaction.atomic(), database.cursor() as cursor:
        groups: list[Group] = []
        if finished:
            exchanges = BETWEEN.join([result.exchange or "" for result in finished])
            cursor.execute(FINISH, [_json([_finished_row(result) for result in finished]), exchanges, BETWEEN, now])
            groups = [Group(*row) for row in cursor.fetchall()]
        if retried:
            cursor.execute(RETRY, [_json(retried), HELD])
        if failed:
            cursor.execute(ATTEMPTS, [now, _json(failed)])
        count(groups, now=now)


def count(groups: Sequence[Group], *, now: datetime) -> None:
    """Enter finished calls into the books, by block."""
    counters.add(
        [
            Count(
                space_id=group.space_id,
                connection_id=group.connection_id,
                destination_id=group.destination_id,
                outcome=group.outcome,
                reason=group.reason,
                calls=group.calls,
            )
            for group in groups
        ],
        now=now,
    )
    tallies.add(tally for group in groups for tally in tallies.with_mappings(group.tally(), group.mappings))
    tallies.add_latencies(
        Latency(
            space_id=group.space_id,
            destination_id=group.destination_id,
            connection_id=group.connection_id,
            created_at=group.created_at,
            step=group.step,
            calls=group.calls,
        )
        for group in groups
        if group.step is not None
    )


def _json(rows: list[dict[str, object]]) -> str:
    return msgspec.json.encode(rows).decode()


def _finished_row(result: Result) -> dict[str, object]:
    call = result.call
    row: dict[str, object] = {
        "s": call.space_id,
        "p": call.profile_id,
        "i": call.id,
        "attempts": result.attempts,
        "outcome": result.outcome,
        "status": result.status,
        "duration_ms": result.duration_ms,
        "mappings": result.mappings,
    }
    if result.reason is not None or result.detail is not None:
        row |= {"reason": result.reason, "detail": result.detail}
    return row


def _row(result: Result) -> dict[str, object]:
    call = result.call
    row: dict[str, object] = {
        "s": call.space_id,
        "p": call.profile_id,
        "i": call.id,
        "c": call.connection_id,
        "attempts": result.attempts,
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
