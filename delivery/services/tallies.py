"""What the Delivery Overview counts: calls per bucket of their emission, with the transaction that decided them.

Counting by the time of emission, not of the outcome, makes every period add up by itself: what was emitted in it is
delivered, filtered, failed, superseded, or still in the outbox.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db import connection as database

from delivery.models import Connection, Outcome

SHORT, LONG = 5, 60
SPANS = (SHORT, LONG)
EMITTED = "emitted"
UNADDRESSED = "unaddressed"
# Of one destination's time from emission to answer: step n ends at 2^(n/4) ms.
STEPS_PER_OCTAVE = 4

ADD = """
INSERT INTO delivery_tally AS t (space_id, destination_id, span, bucket, connection_id, outcome, mapping, reason, kind,
    event, calls, first_id, last_id)
SELECT s, d, span, date_bin(make_interval(mins => span), b, '2000-01-01 00:00:00+00'), c, o, m, r, k, e, sum(n),
    min(f), max(l)
FROM json_to_recordset(%s::json) AS g(s integer, d bigint, b timestamptz, c bigint, o text, m text, r text, k text,
    e text, n bigint, f bigint, l bigint)
CROSS JOIN (VALUES (5::smallint), (60::smallint)) AS spans(span)
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 ORDER BY 5, 6, 7, 8, 9, 10, 1, 2, 3, 4
ON CONFLICT (space_id, destination_id, span, bucket, connection_id, outcome, mapping, reason, kind, event)
DO UPDATE SET calls = t.calls + excluded.calls, first_id = least(t.first_id, excluded.first_id),
    last_id = greatest(t.last_id, excluded.last_id)
"""
ADD_LATENCIES = """
INSERT INTO delivery_latency AS t (space_id, destination_id, span, bucket, connection_id, step, calls)
SELECT s, d, span, date_bin(make_interval(mins => span), b, '2000-01-01 00:00:00+00'), c, step, sum(n)
FROM json_to_recordset(%s::json) AS g(s integer, d bigint, b timestamptz, c bigint, step smallint, n bigint)
CROSS JOIN (VALUES (5::smallint), (60::smallint)) AS spans(span)
GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 5, 6, 1, 2, 3, 4
ON CONFLICT (space_id, destination_id, span, bucket, connection_id, step)
DO UPDATE SET calls = t.calls + excluded.calls
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """`calls` more (or, negative, fewer) of an outcome among the calls emitted about `created_at`."""

    space_id: int
    destination_id: int
    connection_id: int
    created_at: datetime
    outcome: str
    mapping: str = ""
    reason: str = ""
    kind: str = ""
    event: str = ""
    calls: int = 1
    first_id: int | None = None
    last_id: int | None = None

    @classmethod
    def of(cls, connection: Connection, outcome: str, *, created_at: datetime, **fields: Any) -> Tally:
        return cls(
            space_id=connection.space_id,
            destination_id=connection.destination_id,
            connection_id=connection.pk,
            created_at=created_at,
            outcome=outcome,
            **fields,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Latency:
    """`calls` that took up to 2^(step/4) ms."""

    space_id: int
    destination_id: int
    connection_id: int
    created_at: datetime
    step: int
    calls: int = 1


def add(tallies: Iterable[Tally]) -> None:
    """Count, in the caller's transaction. Rows are touched in one order, so that two writers cannot deadlock."""
    rows: list[dict[str, object]] = [
        {
            "s": one.space_id,
            "d": one.destination_id,
            "b": one.created_at,
            "c": one.connection_id,
            "o": one.outcome,
            "m": one.mapping,
            "r": one.reason,
            "k": one.kind,
            "e": one.event,
            "n": one.calls,
            "f": one.first_id,
            "l": one.last_id,
        }
        for one in tallies
        if one.calls
    ]
    _write(ADD, rows)


def add_latencies(latencies: Iterable[Latency]) -> None:
    rows: list[dict[str, object]] = [
        {
            "s": one.space_id,
            "d": one.destination_id,
            "b": one.created_at,
            "c": one.connection_id,
            "step": one.step,
            "n": one.calls,
        }
        for one in latencies
        if one.calls
    ]
    _write(ADD_LATENCIES, rows)


def by_mapping(mappings: str) -> Mapping[str, str]:
    """What `delivery_log.mappings` says: {mapping id: "delivered" or a reason code}."""
    return msgspec.json.decode(mappings, type=dict[str, str]) if mappings else {}


def with_mappings(tally: Tally, mappings: str) -> list[Tally]:
    """The tally of a call, and one for each mapping that took part in it."""
    shared = {
        "space_id": tally.space_id,
        "destination_id": tally.destination_id,
        "connection_id": tally.connection_id,
        "created_at": tally.created_at,
        "kind": tally.kind,
        "event": tally.event,
        "calls": tally.calls,
    }
    parts = [
        Tally(
            **shared,  # type: ignore[arg-type]  # the fields of another tally
            mapping=mapping,
            outcome=Outcome.DELIVERED if result == Outcome.DELIVERED else Outcome.FAILED,
            reason="" if result == Outcome.DELIVERED else result,
        )
        for mapping, result in by_mapping(mappings).items()
    ]
    return [tally, *parts]


def last_id() -> int:
    """The id given last to a call, of whatever connection."""
    with database.cursor() as cursor:
        cursor.execute("SELECT last_value FROM delivery_id_seq")
        return int(cursor.fetchone()[0])


def bucket_start(moment: datetime, span: int) -> datetime:
    """The start of the bucket of `span` minutes that holds an instant."""
    minutes = int(moment.timestamp()) // 60
    return datetime.fromtimestamp((minutes - minutes % span) * 60, tz=UTC)


def forget_tallies(*, before: datetime) -> int:
    """Drop the counts of calls emitted before an instant, whose messages are past their retention; rows deleted."""
    deleted = 0
    with database.cursor() as cursor:
        for table in ("delivery_tally", "delivery_latency"):
            cursor.execute(f"DELETE FROM {table} WHERE bucket < %s", [before])  # noqa: S608 - one of the two above
            deleted += cursor.rowcount
    return deleted


def _write(statement: str, rows: list[dict[str, object]]) -> None:
    if rows:
        with database.cursor() as cursor:
            cursor.execute(statement, [msgspec.json.encode(rows).decode()])
