"""Claiming due calls in blocks (design.md §6, measurements: lease by UPDATE, SKIP LOCKED).

Only the oldest call of a (connection, profile) can be claimed, whatever its state, so their order is kept by any
number of workers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import msgspec
from django.db import connection as database

from delivery.models import HELD

LEASE = timedelta(seconds=20)

DUE_DESTINATIONS = """
WITH RECURSIVE known AS (
    (SELECT destination_id FROM delivery ORDER BY destination_id LIMIT 1)
    UNION ALL
    SELECT (SELECT d.destination_id FROM delivery d WHERE d.destination_id > known.destination_id
            ORDER BY d.destination_id LIMIT 1)
    FROM known WHERE known.destination_id IS NOT NULL
)
SELECT destination_id FROM known WHERE destination_id IS NOT NULL AND EXISTS (
    SELECT 1 FROM delivery d WHERE d.destination_id = known.destination_id AND d.next_attempt_at <= %s
)
"""
# Plans other than index scans lose by far here, and statistics of a table that fills and empties are never right.
PLANNER_SWITCHES = ("enable_hashjoin", "enable_mergejoin", "enable_seqscan", "enable_bitmapscan")
CLAIM = """
WITH due AS MATERIALIZED (
    SELECT d.space_id, d.profile_id, d.id FROM delivery d
    WHERE d.destination_id = %(destination)s AND d.next_attempt_at <= %(now)s
      AND (d.lease_until IS NULL OR d.lease_until < %(now)s)
      AND d.id = (
        SELECT e.id FROM delivery e WHERE e.space_id = d.space_id AND e.profile_id = d.profile_id
        AND e.connection_id = d.connection_id ORDER BY e.id LIMIT 1
      )
    ORDER BY d.next_attempt_at, d.id LIMIT %(limit)s FOR UPDATE OF d SKIP LOCKED
)
UPDATE delivery d SET lease_until = %(lease)s FROM due
WHERE d.space_id = due.space_id AND d.profile_id = due.profile_id AND d.id = due.id
RETURNING d.space_id, d.id, d.connection_id, d.profile_id, d.message_id, d.payload, d.attempts, d.first_attempt_at,
    d.done, extract(epoch FROM d.next_attempt_at)::double precision
"""
# Constants of this module; no value ever gets into the text of a statement.
KEYS = "json_to_recordset(%s::json) AS k(s integer, p bigint, i bigint)"
OF_KEYS = "d.space_id = k.s AND d.profile_id = k.p AND d.id = k.i"


class Claimed(msgspec.Struct, frozen=True):
    """One call that this worker holds until its lease ends."""

    space_id: int
    id: int
    connection_id: int
    profile_id: int
    message_id: str
    payload: str
    attempts: int
    first_attempt_at: datetime | None
    done: str | None
    due_at: float


def set_plain_plans() -> None:
    """Index scans only, as long as this session lives."""
    with database.cursor() as cursor:
        cursor.execute("; ".join(f"SET {switch} = off" for switch in PLANNER_SWITCHES))


@contextmanager
def plain_plans() -> Iterator[None]:
    """Index scans only, for every statement of this session until the end."""
    set_plain_plans()
    try:
        yield
    finally:
        with database.cursor() as cursor:
            cursor.execute("; ".join(f"RESET {switch}" for switch in PLANNER_SWITCHES))


def due_destinations(*, now: datetime) -> list[int]:
    """Destinations with a call whose time has come (it may be leased to somebody)."""
    with database.cursor() as cursor:
        cursor.execute(DUE_DESTINATIONS, [now])
        return [row[0] for row in cursor.fetchall()]


def claim(*, destination_id: int, limit: int, now: datetime) -> list[Claimed]:
    """Up to `limit` due calls, oldest first, leased to the caller. Call it within `plain_plans`."""
    with database.cursor() as cursor:
        cursor.execute(CLAIM, {"destination": destination_id, "now": now, "limit": limit, "lease": now + LEASE})
        claimed = [Claimed(*row) for row in cursor.fetchall()]
    claimed.sort(key=lambda one: (one.due_at, one.id))
    return claimed


def _keys(claimed: Iterable[Claimed]) -> str:
    return msgspec.json.encode([{"s": one.space_id, "p": one.profile_id, "i": one.id} for one in claimed]).decode()


def renew(claimed: Iterable[Claimed], *, now: datetime) -> None:
    """Hold these calls for another lease: they are waiting for a slot or an answer."""
    with database.cursor() as cursor:
        cursor.execute(
            f"UPDATE delivery d SET lease_until = %s FROM {KEYS} WHERE {OF_KEYS} AND d.lease_until IS NOT NULL",  # noqa: S608
            [now + LEASE, _keys(claimed)],
        )


def release(claimed: Iterable[Claimed]) -> None:
    """Give calls back that were not sent."""
    with database.cursor() as cursor:
        cursor.execute(
            f"UPDATE delivery d SET lease_until = NULL FROM {KEYS} WHERE {OF_KEYS}",  # noqa: S608
            [_keys(claimed)],
        )


def hold(claimed: Iterable[Claimed]) -> None:
    """Put calls of a paused connection aside until it is switched on again."""
    with database.cursor() as cursor:
        cursor.execute(
            f"UPDATE delivery d SET lease_until = NULL, next_attempt_at = %s FROM {KEYS} WHERE {OF_KEYS}",  # noqa: S608
            [HELD, _keys(claimed)],
        )
