"""The rows behind a list run: what is due, what is next, and what became of each entry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import connection as database
from django.db import transaction
from django.db.models import F

from common.locks import LockClass
from delivery.models import Connection, ListSync, Outcome
from delivery.services import counters, retries, tallies
from delivery.services.counters import Count
from delivery.services.tallies import Tally
from destinations.kit.verdicts import Verdict

POSTPONED_SECONDS = 60

# Nearly all entries of a run were delivered alike. They are told by their ids, which one walk over the index finds,
# and what they share is not carried along with each of them.
ALIKE = """
WITH gone AS (
    DELETE FROM list_change WHERE connection_id = %(connection)s AND id = ANY(%(ids)s::bigint[])
    RETURNING id, profile_id, id_type, id_value, message_id, payload, changed_at
), logged AS (
    INSERT INTO delivery_log (space_id, id, destination_id, connection_id, profile_id, message_id, kind, payload,
        created_at, attempts, outcome, status, entry, duration_ms, exchange, finished_at)
    SELECT %(space)s, id, %(destination)s, %(connection)s, profile_id, message_id, %(kind)s, payload,
        changed_at, %(attempts)s, 'delivered', %(status)s, json_build_array(id_type, id_value)::text, %(duration)s,
        CASE WHEN id = %(holder)s THEN %(exchange)s ELSE %(reference)s END, %(now)s
    FROM gone
), listed AS ({listed})
SELECT 'delivered', '', %(kind)s, date_bin('5 minutes', changed_at, '2000-01-01 00:00:00+00'), count(*)
FROM gone GROUP BY 4
"""
# Looking first makes the whole statement a fifth quicker than ON CONFLICT. A member that somebody else puts there
# meanwhile (a merge of profiles) is a conflict, and the recorder tries again. The look is a subquery so that it stays
# one: a join is planned by what was known of the table when it was empty, and reads all of it for each entry.
LISTED = """
    INSERT INTO list_member (space_id, connection_id, profile_id, id_type, id_value, added_at)
    SELECT %(space)s, %(connection)s, profile_id, id_type, id_value, %(now)s FROM gone g
    WHERE (SELECT true FROM list_member m WHERE m.space_id = %(space)s AND m.connection_id = %(connection)s
        AND m.profile_id = g.profile_id AND m.id_type = g.id_type AND m.id_value = g.id_value) IS NULL
"""
UNLISTED = """
    DELETE FROM list_member m USING gone g
    WHERE m.space_id = %(space)s AND m.connection_id = %(connection)s
      AND m.profile_id = g.profile_id AND m.id_type = g.id_type AND m.id_value = g.id_value
"""
# What was not delivered is told entry by entry.
EACH = """
WITH gone AS (
    DELETE FROM list_change c
    USING json_to_recordset(%(rows)s::json) AS g(i bigint, attempts smallint, outcome text, reason text, detail text,
        status smallint, exchange text)
    WHERE c.space_id = %(space)s AND c.connection_id = %(connection)s AND c.id = g.i
    RETURNING c.*, g.attempts AS tried, g.outcome, g.reason, g.detail, g.status, g.exchange
), logged AS (
    INSERT INTO delivery_log (space_id, id, destination_id, connection_id, profile_id, message_id, kind, payload,
        created_at, attempts, outcome, reason, detail, status, entry, duration_ms, exchange, finished_at)
    SELECT space_id, id, %(destination)s, connection_id, profile_id, message_id,
        CASE WHEN is_add THEN 'add' ELSE 'remove' END, payload, changed_at, tried, outcome, reason, detail, status,
        json_build_array(id_type, id_value)::text, %(duration)s, exchange, %(now)s
    FROM gone
)
SELECT outcome, reason, CASE WHEN is_add THEN 'add' ELSE 'remove' END,
    date_bin('5 minutes', changed_at, '2000-01-01 00:00:00+00'), count(*)
FROM gone GROUP BY 1, 2, 3, 4
"""
RETRY = """
UPDATE list_change c SET attempts = g.attempts, first_attempt_at = g.first_attempt_at,
    next_attempt_at = g.next_attempt_at, last_error = g.detail
FROM json_to_recordset(%s::json) AS g(i bigint, attempts smallint, first_attempt_at timestamptz,
    next_attempt_at timestamptz, detail text)
WHERE c.space_id = %s AND c.connection_id = %s AND c.id = g.i
"""
ATTEMPTS = """
INSERT INTO attempt (space_id, delivery_id, number, at, status, reason, detail, duration_ms, exchange)
SELECT %s, g.i, g.attempts, %s, g.status, g.reason, g.detail, %s, g.exchange
FROM json_to_recordset(%s::json) AS g(i bigint, attempts smallint, reason text, detail text, status smallint,
    exchange text)
ON CONFLICT DO NOTHING
"""


class Entry(msgspec.Struct, frozen=True):
    """A pending change of one list entry that belongs to a run."""

    id: int
    id_type: str
    id_value: str
    is_add: bool
    message_id: str
    payload: str
    attempts: int
    first_attempt_at: datetime | None


class EntryResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one entry that was not delivered. `outcome` None: to be tried again at `next_attempt_at`."""

    entry: Entry
    outcome: Outcome | None
    attempts: int
    verdict: Verdict
    first_attempt_at: datetime
    next_attempt_at: datetime | None

    @classmethod
    def of(cls, entry: Entry, verdict: Verdict, *, now: datetime, attempts: int) -> EntryResult:
        first = entry.first_attempt_at or now
        outcome: Outcome | None = Outcome.FAILED
        at = None
        if verdict.outcome == "filtered":
            outcome = Outcome.FILTERED
        elif verdict.outcome == "retry":
            at = retries.next_attempt(
                now=now, attempts=max(attempts, 1), first_attempt_at=first, retry_after=verdict.retry_after
            )
            outcome = None if at is not None else Outcome.FAILED
        return cls(
            entry=entry,
            outcome=outcome,
            attempts=attempts,
            verdict=verdict,
            first_attempt_at=first,
            next_attempt_at=at,
        )

    def row(self) -> dict[str, Any]:
        """As the statements read it; what is not told is NULL."""
        detail = self.verdict.detail.replace("\x00", "\ufffd")
        if self.outcome == Outcome.FAILED and self.verdict.outcome == "retry":
            detail = f"{retries.GAVE_UP} {detail}"
        return {
            "i": self.entry.id,
            "attempts": self.attempts,
            "outcome": self.outcome,
            "reason": self.verdict.code,
            "detail": detail,
            "status": self.verdict.status,
            "first_attempt_at": self.first_attempt_at,
            "next_attempt_at": self.next_attempt_at,
        }


class BatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a batch: the ids of the delivered entries by (is_add, attempts, status), and the others one by one.

    `exchange` is kept once, with the finished entry `holder`; the others hold the id of that one.
    """

    delivered: dict[tuple[bool, int, int | None], list[int]]
    others: list[EntryResult]
    holder: int
    exchange: str | None
    duration_ms: int | None

    @classmethod
    def of(
        cls,
        batch: Sequence[Entry],
        verdicts: Sequence[Verdict],
        *,
        now: datetime,
        was_sent: bool,
        exchange: str | None,
        duration_ms: int | None,
    ) -> BatchResult:
        delivered: dict[tuple[bool, int, int | None], list[int]] = {}
        others: list[EntryResult] = []
        more = 1 if was_sent else 0
        for entry, verdict in zip(batch, verdicts, strict=True):
            attempts = entry.attempts + more
            if verdict.outcome == "delivered":
                delivered.setdefault((entry.is_add, attempts, verdict.status), []).append(entry.id)
            else:
                others.append(EntryResult.of(entry, verdict, now=now, attempts=attempts))
        finished = [ids[0] for ids in delivered.values()]
        finished += [other.entry.id for other in others if other.outcome is not None]
        return cls(
            delivered=delivered,
            others=others,
            holder=finished[0] if finished else 0,
            exchange=exchange,
            duration_ms=duration_ms,
        )


def pending(*, connection: Connection, now: datetime) -> tuple[bool, bool]:
    """Whether changes wait for the cadence, and whether some wait for another try that is due."""
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM list_change WHERE space_id = %s AND connection_id = %s "
            "AND next_attempt_at IS NULL), "
            "EXISTS (SELECT FROM list_change WHERE space_id = %s AND connection_id = %s AND next_attempt_at <= %s)",
            [connection.space_id, connection.pk, connection.space_id, connection.pk, now],
        )
        fresh, again = cursor.fetchone()
        return fresh, again


def begin(*, connection: Connection, now: datetime) -> ListSync:
    """A run over every change that is due now. Call it in a transaction of its own.

    Changes that are being emitted come first or are left for the next run: a change must not be cancelled as untried
    while it is sent.
    """
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LockClass.EMISSION, connection.pk])
        cursor.execute(
            """
            SELECT coalesce(max(id), 0), count(*) FILTER (WHERE is_add), count(*) FILTER (WHERE NOT is_add)
            FROM list_change WHERE space_id = %s AND connection_id = %s
              AND (next_attempt_at IS NULL OR next_attempt_at <= %s)
            """,
            [connection.space_id, connection.pk, now],
        )
        up_to_id, adds, removes = cursor.fetchone()
    return ListSync.objects.create(connection=connection, up_to_id=up_to_id, taken_at=now, adds=adds, removes=removes)


def has_fresh(*, sync: ListSync) -> bool:
    """Is this a run of the cadence, not only of tries?"""
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM list_change WHERE connection_id = %s AND id <= %s AND next_attempt_at IS NULL)",
            [sync.connection_id, sync.up_to_id],
        )
        return bool(cursor.fetchone()[0])


def next_batch(*, sync: ListSync, limit: int, after_id: int = 0) -> list[Entry]:
    """The oldest entries of the run after this one that have no outcome yet."""
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT id, id_type, id_value, is_add, message_id, payload, attempts, first_attempt_at "
            "FROM list_change WHERE connection_id = %s AND id > %s AND id <= %s "
            "AND (next_attempt_at IS NULL OR next_attempt_at <= %s) ORDER BY id LIMIT %s",
            [sync.connection_id, after_id, sync.up_to_id, sync.taken_at, limit],
        )
        return [Entry(*row) for row in cursor.fetchall()]


def record(result: BatchResult, *, sync: ListSync, connection: Connection, now: datetime) -> None:
    """Outcomes of one batch in one transaction. An entry that changed meanwhile was superseded and is left alone."""
    again = [one.row() for one in result.others if one.outcome is None]
    tried = [one.row() for one in result.others if one.attempts > one.entry.attempts]
    failed = _kept_once(tried, result.exchange)
    mine = [connection.space_id, connection.pk]
    with transaction.atomic(), database.cursor() as cursor:
        counts: list[Count] = []
        counted: list[Tally] = []
        about = {
            "space": connection.space_id,
            "connection": connection.pk,
            "destination": connection.destination_id,
            "duration": result.duration_ms,
            "now": now,
        }
        for statement, parameters in _finished(result):
            cursor.execute(statement, about | parameters)
            for outcome, reason, kind, created_at, calls in cursor.fetchall():
                counts.append(Count.of(connection, outcome, reason=reason, calls=calls))
                counted.append(
                    Tally.of(connection, outcome, created_at=created_at, reason=reason, kind=kind, calls=calls)
                )
        if again:
            cursor.execute(RETRY, [_json(again), *mine])
        if failed:
            cursor.execute(ATTEMPTS, [connection.space_id, now, result.duration_ms, _json(failed)])
        counters.add(counts, now=now)
        tallies.add(counted)
        ListSync.objects.filter(pk=sync.pk).update(
            delivered=F("delivered") + sum(count.calls for count in counts if count.outcome == Outcome.DELIVERED),
            failed=F("failed") + sum(count.calls for count in counts if count.outcome == Outcome.FAILED),
        )


def _finished(result: BatchResult) -> Iterator[tuple[str, dict[str, Any]]]:
    """(statement, parameters) that finish the entries of a batch, as few and with as little text as will do."""
    reference = None if result.exchange is None else str(result.holder)
    for (is_add, attempts, status), ids in result.delivered.items():
        yield (
            ALIKE.format(listed=LISTED if is_add else UNLISTED),
            {
                # As text: psycopg takes 1 µs to look at each number of a list.
                "ids": f"{{{','.join(map(str, ids))}}}",
                "kind": "add" if is_add else "remove",
                "attempts": attempts,
                "status": status,
                "holder": result.holder,
                "exchange": result.exchange,
                "reference": reference,
            },
        )
    each = [one.row() for one in result.others if one.outcome is not None]
    if each:
        for row in each:
            row["exchange"] = result.exchange if row["i"] == result.holder else reference
        yield EACH, {"rows": _json(each)}


def _kept_once(rows: list[dict[str, Any]], exchange: str | None) -> list[dict[str, Any]]:
    if exchange is not None:
        for row in rows[1:]:
            row["exchange"] = str(rows[0]["i"])
        for row in rows[:1]:
            row["exchange"] = exchange
    return rows


def expired(*, sync: ListSync, now: datetime) -> list[Entry]:
    """Entries of the run whose 4 hours are over."""
    return [
        entry
        for entry in next_batch(sync=sync, limit=10_000)
        if entry.first_attempt_at is not None and entry.first_attempt_at + retries.HORIZON <= now
    ]


def postpone(*, sync: ListSync, verdict: Verdict, now: datetime) -> None:
    """Give the rest of a run back: the destination cannot take it now. It counts as no attempt of these entries."""
    seconds = max(POSTPONED_SECONDS, verdict.retry_after or 0)
    with database.cursor() as cursor:
        cursor.execute(
            """
            UPDATE list_change SET next_attempt_at = %s,
                first_attempt_at = coalesce(first_attempt_at, %s), last_error = %s
            WHERE connection_id = %s AND id <= %s AND (next_attempt_at IS NULL OR next_attempt_at <= %s)
            """,
            [
                now + timedelta(seconds=seconds),
                now,
                verdict.detail,
                sync.connection_id,
                sync.up_to_id,
                sync.taken_at,
            ],
        )


def _json(rows: list[dict[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()
