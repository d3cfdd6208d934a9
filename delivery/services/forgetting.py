"""What becomes of the calls about a person who is deleted: the books stay true, and nothing in them names the person.

A finished call keeps its row, its outcome and its place in every count, without profile, payload and exchange. A call
that waits is superseded. `ERASED` stands for the profile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection as database
from django.db import transaction

from common.locks import LockClass
from delivery.models import Connection, Outcome
from delivery.selectors.dead_letters import ERASED
from delivery.services import counters, tallies
from delivery.services.copying import bigint_array
from delivery.services.counters import Count
from delivery.services.emit import Change, emit_changes
from delivery.services.tallies import Tally
from destinations import catalog
from spaces.models import Space

Value = int | str | datetime
PERSON_DELETED = "PERSON_DELETED"
DETAIL = "The person was deleted; what this call said was removed."
BLOCK = 2_000
WINDOW = 100_000

WAITING = """
WITH gone AS (
    DELETE FROM delivery d WHERE d.space_id = %(space)s AND d.profile_id = ANY(%(profiles)s::bigint[])
    AND (d.lease_until IS NULL OR d.lease_until < %(now)s) RETURNING *
)
INSERT INTO delivery_log (space_id, id, destination_id, connection_id, profile_id, message_id, kind, event, payload,
    created_at, finished_at, attempts, outcome, reason, detail)
SELECT space_id, id, destination_id, connection_id, %(erased)s, message_id, kind, event, '{}', created_at, %(now)s,
    attempts, 'superseded', %(reason)s, %(detail)s
FROM gone RETURNING id, destination_id, connection_id, kind, coalesce(event, ''), created_at
"""
LIST_CHANGES = """
WITH gone AS (
    DELETE FROM list_change c WHERE c.space_id = %(space)s AND c.connection_id = %(connection)s
    AND c.profile_id = ANY(%(profiles)s::bigint[]) RETURNING *
)
INSERT INTO delivery_log (space_id, id, destination_id, connection_id, profile_id, message_id, kind, payload,
    created_at, finished_at, attempts, outcome, reason, detail)
SELECT space_id, id, %(destination)s, connection_id, %(erased)s, message_id,
    CASE WHEN is_add THEN 'add' ELSE 'remove' END, '{}', changed_at, %(now)s, attempts, 'superseded', %(reason)s,
    %(detail)s
FROM gone RETURNING id, destination_id, connection_id, kind, '', created_at
"""
TOLD = """
SELECT DISTINCT destination_id FROM delivery_log WHERE space_id = %(space)s AND profile_id = ANY(%(profiles)s::bigint[])
UNION SELECT destination_id FROM delivery WHERE space_id = %(space)s AND profile_id = ANY(%(profiles)s::bigint[])
UNION SELECT c.destination_id FROM sent_value s JOIN delivery_connection c ON c.id = s.connection_id
    WHERE s.space_id = %(space)s AND s.profile_id = ANY(%(profiles)s::bigint[])
UNION SELECT c.destination_id FROM list_member m JOIN delivery_connection c ON c.id = m.connection_id
    WHERE m.space_id = %(space)s AND m.profile_id = ANY(%(profiles)s::bigint[])
"""
# Calls keep the profile they were made for, also when that was merged away since.
STRAYS = """
SELECT DISTINCT l.profile_id FROM {table} l WHERE l.space_id = %(space)s AND l.connection_id = %(connection)s
AND l.id > %(after)s AND l.id <= %(upto)s AND l.profile_id <> %(erased)s AND lower(l.payload) LIKE ANY(%(likes)s)
AND NOT EXISTS (SELECT FROM profile p WHERE p.space_id = l.space_id AND p.id = l.profile_id)
"""


@dataclass(frozen=True, kw_only=True)
class Superseded:
    """How many calls were taken out of the outbox, and whether some are under way still."""

    calls: int
    is_busy: bool


def destinations_told(*, space_id: int, profile_ids: Sequence[int]) -> list[int]:
    """Destinations that anything was sent to, or is about to be."""
    with database.cursor() as cursor:
        cursor.execute(TOLD, {"space": space_id, "profiles": bigint_array(profile_ids)})
        return sorted(row[0] for row in cursor.fetchall())


def take_off_lists(*, space: Space, profile_id: int, now: datetime) -> list[int]:
    """Queue the removal of every entry that a list acknowledged; the destinations that will be asked.

    Lists that are paused, disabled or deleted are left out: nothing is sent to them.
    """
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT connection_id, id_type, id_value FROM list_member WHERE space_id = %s AND profile_id = %s",
            [space.pk, profile_id],
        )
        entries: dict[int, list[tuple[str, str]]] = {}
        for connection_id, id_type, id_value in cursor.fetchall():
            entries.setdefault(connection_id, []).append((id_type, id_value))
    asked: list[int] = []
    rows = Connection.objects.in_space(space).select_related("destination").filter(pk__in=entries)
    for connection in rows.filter(removed_at=None, is_enabled=True, destination__deleted_at=None).order_by("pk"):
        definition = catalog.definition(connection.destination.connector)
        if not connection.destination.is_enabled or definition is None or definition.kind != "list":
            continue
        emit_changes(
            space=space,
            computation_id=connection.computation_id,
            changes=[Change(profile_id=profile_id, value=False)],
            now=now,
            connections=[connection],
            only={profile_id: entries[connection.pk]},
            part="users",
        )
        asked.append(connection.destination_id)
    return sorted(set(asked))


def lists_waiting(*, space_id: int, profile_ids: Sequence[int]) -> set[int]:
    """Destinations with list changes of these profiles that were not sent yet."""
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT c.destination_id FROM list_change l JOIN delivery_connection c ON c.id = l.connection_id "
            "WHERE l.space_id = %s AND l.profile_id = ANY(%s::bigint[])",
            [space_id, bigint_array(profile_ids)],
        )
        return {row[0] for row in cursor.fetchall()}


@transaction.atomic
def supersede_waiting(*, space_id: int, profile_ids: Sequence[int], now: datetime) -> Superseded:
    """Take the calls out of the outbox that nobody is sending right now."""
    values = _values(space_id, profile_ids, now)
    with database.cursor() as cursor:
        cursor.execute(WAITING, values)
        rows = cursor.fetchall()
        cursor.execute(
            "SELECT EXISTS (SELECT FROM delivery WHERE space_id = %(space)s "
            "AND profile_id = ANY(%(profiles)s::bigint[]))",
            values,
        )
        is_busy = bool(cursor.fetchone()[0])
    _enter(space_id, rows, now)
    _scrub_attempts(space_id, [row[0] for row in rows])
    return Superseded(calls=len(rows), is_busy=is_busy)


@transaction.atomic
def forget_lists(*, space_id: int, profile_ids: Sequence[int], now: datetime) -> Superseded:
    """Take list changes, acknowledged entries and sent values out; those of a list that is being synced stay."""
    values = _values(space_id, profile_ids, now)
    calls, is_busy = 0, False
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT l.connection_id, c.destination_id FROM list_change l "
            "JOIN delivery_connection c ON c.id = l.connection_id "
            "WHERE l.space_id = %(space)s AND l.profile_id = ANY(%(profiles)s::bigint[]) ORDER BY 1",
            values,
        )
        for connection_id, destination_id in cursor.fetchall():
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [LockClass.LIST_RUN, connection_id])
            if not cursor.fetchone()[0]:
                is_busy = True
                continue
            cursor.execute(LIST_CHANGES, values | {"connection": connection_id, "destination": destination_id})
            rows = cursor.fetchall()
            _enter(space_id, rows, now)
            _scrub_attempts(space_id, [row[0] for row in rows])
            calls += len(rows)
        if not is_busy:
            for table in ("list_member", "sent_value"):
                cursor.execute(
                    f"DELETE FROM {table} WHERE space_id = %(space)s AND profile_id = ANY(%(profiles)s::bigint[])",  # noqa: S608
                    values,
                )
    return Superseded(calls=calls, is_busy=is_busy)


@transaction.atomic
def scrub_log(*, space_id: int, profile_ids: Sequence[int]) -> int:
    """Scrub a block of finished calls; returns how many, 0 when none is left."""
    profiles = bigint_array(profile_ids)
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT id, connection_id, exchange FROM delivery_log WHERE space_id = %s "
            "AND profile_id = ANY(%s::bigint[]) LIMIT %s FOR UPDATE",
            [space_id, profiles, BLOCK],
        )
        rows = cursor.fetchall()
        if not rows:
            return 0
        ids = [row[0] for row in rows]
        cursor.execute(
            "UPDATE delivery_log SET profile_id = %s, payload = '{}', exchange = NULL, entry = NULL, "
            "detail = CASE WHEN detail IS NULL THEN NULL ELSE %s END "
            "WHERE space_id = %s AND profile_id = ANY(%s::bigint[]) AND id = ANY(%s::bigint[])",
            [ERASED, DETAIL, space_id, profiles, bigint_array(ids)],
        )
        # Of calls that went together the exchange is kept with one of them, maybe of somebody else.
        kept = [(connection, int(text)) for _, connection, text in rows if text and text.isdigit()]
        if kept:
            cursor.execute(
                "UPDATE delivery_log SET exchange = NULL WHERE connection_id = ANY(%s::bigint[]) "
                "AND id = ANY(%s::bigint[]) AND space_id = %s",
                [bigint_array({one for one, _ in kept}), bigint_array({one for _, one in kept}), space_id],
            )
    _scrub_attempts(space_id, ids)
    return len(rows)


def strays(
    *, space_id: int, connection_id: int, likes: Sequence[str], after: int, upto: int, table: str = "delivery_log"
) -> set[int]:
    """Profiles that are gone, with calls whose payload matches, among the ids of a window."""
    with database.cursor() as cursor:
        cursor.execute(
            STRAYS.format(table=table),
            {
                "space": space_id,
                "connection": connection_id,
                "after": after,
                "upto": upto,
                "likes": list(likes),
                "erased": ERASED,
            },
        )
        return {row[0] for row in cursor.fetchall()}


def _scrub_attempts(space_id: int, delivery_ids: Iterable[int]) -> None:
    ids = bigint_array(delivery_ids)
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT exchange FROM attempt WHERE space_id = %s AND delivery_id = ANY(%s::bigint[])", [space_id, ids]
        )
        kept = {int(text) for (text,) in cursor.fetchall() if text and text.isdigit()}
        cursor.execute(
            "UPDATE attempt SET exchange = NULL, detail = %s WHERE space_id = %s AND delivery_id = ANY(%s::bigint[])",
            [DETAIL, space_id, ids],
        )
        if kept:
            cursor.execute(
                "UPDATE attempt SET exchange = NULL WHERE space_id = %s AND delivery_id = ANY(%s::bigint[])",
                [space_id, bigint_array(kept)],
            )


def _enter(space_id: int, rows: Sequence[tuple[int, int, int, str, str, datetime]], now: datetime) -> None:
    """Superseded calls, in the books."""
    by_connection = Counter((destination, connection) for _, destination, connection, *_ in rows)
    counters.add(
        [
            Count(
                space_id=space_id,
                connection_id=connection,
                destination_id=destination,
                outcome=Outcome.SUPERSEDED,
                reason=PERSON_DELETED,
                calls=calls,
            )
            for (destination, connection), calls in by_connection.items()
        ],
        now=now,
    )
    tallies.add(
        Tally(
            space_id=space_id,
            destination_id=destination,
            connection_id=connection,
            created_at=created_at,
            outcome=Outcome.SUPERSEDED,
            reason=PERSON_DELETED,
            kind=kind,
            event=event,
        )
        for _, destination, connection, kind, event, created_at in rows
    )


def _values(space_id: int, profile_ids: Sequence[int], now: datetime) -> dict[str, Value]:
    return {
        "space": space_id,
        "profiles": bigint_array(profile_ids),
        "now": now,
        "erased": ERASED,
        "reason": PERSON_DELETED,
        "detail": DETAIL,
    }
