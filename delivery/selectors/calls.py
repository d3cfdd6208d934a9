"""Emitted calls wherever they are: waiting in the outbox, pending for a list, or finished in the log.

Ids of all three come from one sequence, so one keyset over the id pages through them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection as database
from django.utils import timezone

from delivery.models import HELD, Attempt, Connection, Outcome
from delivery.selectors.dead_letters import Selection
from delivery.selectors.list_runs import in_run
from spaces.models import Space

WAITING, IN_FLIGHT = "waiting", "in_flight"
STATUSES = [*Outcome.values, WAITING, IN_FLIGHT]
MAX_ID = 2**63 - 1

LOG = """
SELECT l.id, l.connection_id, l.profile_id, l.message_id, l.kind, l.payload, l.created_at, l.finished_at, l.attempts,
    l.outcome AS status, l.reason, l.detail, l.status AS answered, l.duration_ms, l.exchange,
    NULL::timestamptz AS next_attempt_at
FROM delivery_log l WHERE l.space_id = %(space)s AND {where}
ORDER BY l.id {order} LIMIT %(limit)s
"""
LOG_BY_CONNECTION = """
SELECT found.* FROM unnest(%(connections)s::bigint[]) AS c(id) CROSS JOIN LATERAL (
    SELECT l.id, l.connection_id, l.profile_id, l.message_id, l.kind, l.payload, l.created_at, l.finished_at,
        l.attempts, l.outcome AS status, l.reason, l.detail, l.status AS answered, l.duration_ms, l.exchange,
        NULL::timestamptz AS next_attempt_at
    FROM delivery_log l WHERE l.connection_id = c.id AND l.space_id = %(space)s AND {where}
    ORDER BY l.id {order} LIMIT %(limit)s
) found ORDER BY found.id {order} LIMIT %(limit)s
"""
OUTBOX = """
SELECT l.id, l.connection_id, l.profile_id, l.message_id, l.kind, l.payload, l.created_at, NULL::timestamptz,
    l.attempts, CASE WHEN l.lease_until > %(now)s THEN 'in_flight' ELSE 'waiting' END, NULL::text, l.last_error,
    NULL::smallint, NULL::integer, NULL::text, l.next_attempt_at
FROM delivery l WHERE l.space_id = %(space)s AND {where}
ORDER BY l.id {order} LIMIT %(limit)s
"""
LISTS = f"""
SELECT l.id, l.connection_id, l.profile_id, l.message_id, CASE WHEN l.is_add THEN 'add' ELSE 'remove' END, l.payload,
    l.changed_at, NULL::timestamptz, l.attempts, CASE WHEN {in_run("l")} THEN 'in_flight' ELSE 'waiting' END,
    NULL::text, l.last_error, NULL::smallint, NULL::integer, NULL::text, l.next_attempt_at
FROM list_change l WHERE l.space_id = %(space)s AND {{where}}
ORDER BY l.id {{order}} LIMIT %(limit)s
"""  # noqa: S608 - a fragment of this app


@dataclass(frozen=True, kw_only=True)
class CallFilter:
    """Which calls to list; None means any. `since` and `until` bound the time of emission.

    With `dead` only those dead letters are listed, and the other members count for nothing.
    """

    status: str | None = None
    connection: Connection | None = None
    destination_id: int | None = None
    computation_id: str | None = None
    profile_id: int | None = None
    message_id: str | None = None
    reason: str | None = None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    dead: Selection | None = None

    @property
    def is_empty(self) -> bool:
        return self == CallFilter()


@dataclass(slots=True)
class CallRow:
    """One emitted call. `status` is one of STATUSES; `answered` the HTTP status of the last answer."""

    id: int
    connection_id: int
    profile_id: int
    message_id: str
    kind: str
    payload: str
    created_at: datetime
    finished_at: datetime | None
    attempts: int
    status: str
    reason: str | None
    detail: str | None
    answered: int | None
    duration_ms: int | None
    exchange: str | None
    next_attempt_at: datetime | None
    connection: Connection | None = None

    @property
    def event(self) -> dict[str, Any]:
        """The payload as an object; {} for a call that was never built."""
        try:
            found = msgspec.json.decode(self.payload)
        except msgspec.DecodeError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def exchanges(self) -> list[dict[str, Any]]:
        return exchanges_of(self.exchange)

    @property
    def is_entry(self) -> bool:
        """A change of a list, in place of a call."""
        return self.kind in {"add", "remove"}

    @property
    def is_held(self) -> bool:
        return self.next_attempt_at == HELD

    @property
    def title(self) -> str:
        """`Track: Audience Entered`, `Identify`, `Add to list` …"""
        words = {"add": "Add to list", "remove": "Remove from list"}
        name = self.event.get("event")
        if self.kind in words:
            return words[self.kind]
        return f"{self.kind.title()}: {name}" if name else self.kind.title()


@dataclass(frozen=True, kw_only=True)
class CallPage:
    """A page, newest first. `after` and `before` are the cursors of the next and the previous one."""

    rows: list[CallRow]
    after: str | None
    before: str | None


def exchanges_of(text: str | None) -> list[dict[str, Any]]:
    found = msgspec.json.decode(text) if text else []
    return found if isinstance(found, list) else []


def call_page(space: Space, wanted: CallFilter, *, after: str = "", before: str = "", size: int = 50) -> CallPage:
    older, newer = _cursor(after), _cursor(before)
    if newer is not None and older is None:
        rows = _find(space, wanted, above=newer, limit=size + 1)
        has_newer, rows = len(rows) > size, rows[:size][::-1]
        has_older = bool(rows)
        if not rows:
            return call_page(space, wanted, size=size)
    else:
        rows = _find(space, wanted, below=older if older is not None else MAX_ID, limit=size + 1)
        has_older, rows = len(rows) > size, rows[:size]
        has_newer = older is not None and bool(rows)
    _attach_connections(space, rows)
    return CallPage(
        rows=rows, after=str(rows[-1].id) if has_older else None, before=str(rows[0].id) if has_newer else None
    )


def get_call(space: Space, call_id: int) -> CallRow | None:
    rows = _find(space, CallFilter(), below=call_id + 1, above=call_id - 1, limit=1) if call_id < MAX_ID else []
    _attach_connections(space, rows)
    for row in rows:
        row.exchange = _batch_exchange(row)
    return rows[0] if rows else None


def attempts_of(space: Space, call_id: int) -> list[Attempt]:
    """The failed attempts of a call, first one first."""
    found = list(Attempt.objects.filter(space_id=space.pk, delivery_id=call_id).order_by("number", "at"))
    for attempt in found:
        if attempt.exchange is not None and attempt.exchange.isdigit():
            same = Attempt.objects.filter(space_id=space.pk, delivery_id=int(attempt.exchange), at=attempt.at)
            attempt.exchange = same.values_list("exchange", flat=True).first()
    return found


def _batch_exchange(row: CallRow) -> str | None:
    """An entry of a batch holds the id of the entry that keeps the exchange of them all."""
    if row.exchange is None or not row.exchange.isdigit():
        return row.exchange
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT exchange FROM delivery_log WHERE connection_id = %s AND id = %s",
            [row.connection_id, int(row.exchange)],
        )
        found = cursor.fetchone()
    return None if found is None else found[0]


def _cursor(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _find(
    space: Space, wanted: CallFilter, *, limit: int, below: int = MAX_ID, above: int | None = None
) -> list[CallRow]:
    order = "ASC" if above is not None and below == MAX_ID else "DESC"
    params: dict[str, Any] = {
        "space": space.pk,
        "limit": limit,
        "below": below,
        "above": above,
        "now": timezone.now(),
        "profile": wanted.profile_id,
        "message": wanted.message_id,
    }
    shared = ["l.id < %(below)s"] + (["l.id > %(above)s"] if above is not None else [])
    if wanted.dead is not None:
        chosen, values = wanted.dead.where(space)
        return _rows(LOG, [*shared, chosen], params | values, order)
    if wanted.profile_id is not None:
        shared.append("l.profile_id = %(profile)s")
    if wanted.message_id is not None:
        shared.append("l.message_id = %(message)s")
    connections = _connections(space, wanted)
    if connections is not None:
        params["connections"] = connections
        shared.append("l.connection_id = ANY(%(connections)s::bigint[])")
    rows: list[CallRow] = []
    if wanted.status not in {WAITING, IN_FLIGHT}:
        rows += _finished(space, wanted, shared, params, order)
    if wanted.status in {None, WAITING, IN_FLIGHT} and wanted.reason is None:
        rows += _pending(wanted, shared, params, order)
    rows.sort(key=lambda row: row.id, reverse=order == "DESC")
    return rows[:limit]


def _connections(space: Space, wanted: CallFilter) -> list[int] | None:
    """The connections of the calls; None when the filter leaves that open."""
    if wanted.connection is not None:
        return [wanted.connection.pk]
    if wanted.destination_id is None and wanted.computation_id is None:
        return None
    rows = Connection.objects.in_space(space)
    if wanted.destination_id is not None:
        rows = rows.filter(destination_id=wanted.destination_id)
    if wanted.computation_id is not None:
        rows = rows.filter(computation_id=wanted.computation_id)
    return list(rows.values_list("pk", flat=True))


def _finished(
    space: Space, wanted: CallFilter, shared: Sequence[str], params: dict[str, Any], order: str
) -> list[CallRow]:
    where = [*shared, *_when(wanted, "l.created_at", params)]
    if wanted.since is not None:
        where.append("l.finished_at >= %(since)s")  # a call ends after it began: older partitions are left out
    if wanted.kind is not None:
        where.append("l.kind = %(kind)s")
        params["kind"] = wanted.kind
    if wanted.reason is not None:
        where.append("l.reason = %(reason)s")
        params["reason"] = wanted.reason
    if wanted.status is not None:
        # A literal, so that the partial index of failed calls is seen to fit.
        where.append(f"l.outcome = '{Outcome(wanted.status).value}'")
    statement = LOG
    narrow = wanted.profile_id is not None or wanted.message_id is not None
    if not narrow and (wanted.status != Outcome.FAILED or wanted.reason is not None):
        statement = LOG_BY_CONNECTION
        params.setdefault("connections", list(Connection.objects.in_space(space).values_list("pk", flat=True)))
    return _rows(statement, where, params, order)


def _when(wanted: CallFilter, column: str, params: dict[str, Any]) -> list[str]:
    where = []
    if wanted.since is not None:
        where.append(f"{column} >= %(since)s")
        params["since"] = wanted.since
    if wanted.until is not None:
        where.append(f"{column} < %(until)s")
        params["until"] = wanted.until
    return where


def _pending(wanted: CallFilter, shared: Sequence[str], params: dict[str, Any], order: str) -> list[CallRow]:
    in_outbox = [*shared, *_when(wanted, "l.created_at", params)]
    in_lists = [*shared, *_when(wanted, "l.changed_at", params)]
    if wanted.kind is not None:
        params |= {"kind": wanted.kind, "is_add": wanted.kind == "add"}
        in_outbox.append("l.kind = %(kind)s")
        in_lists.append("l.is_add = %(is_add)s" if wanted.kind in {"add", "remove"} else "false")
    if wanted.destination_id is not None or wanted.connection is not None:
        destination = wanted.connection.destination_id if wanted.connection else wanted.destination_id
        params["destination"] = destination
        in_outbox.append("l.destination_id = %(destination)s")
    if wanted.status == WAITING:
        in_outbox.append("(l.lease_until IS NULL OR l.lease_until <= %(now)s)")
        in_lists.append(f"NOT {in_run('l')}")
    elif wanted.status == IN_FLIGHT:
        in_outbox.append("l.lease_until > %(now)s")
        in_lists.append(in_run("l"))
    return [*_rows(OUTBOX, in_outbox, params, order), *_rows(LISTS, in_lists, params, order)]


def _rows(statement: str, where: Sequence[str], params: dict[str, Any], order: str) -> list[CallRow]:
    with database.cursor() as cursor:
        cursor.execute(statement.format(where=" AND ".join(where), order=order), params)
        return [CallRow(*row) for row in cursor.fetchall()]


def _attach_connections(space: Space, rows: Sequence[CallRow]) -> None:
    found = (
        Connection.objects.in_space(space).select_related("destination").in_bulk({row.connection_id for row in rows})
    )
    for row in rows:
        row.connection = found.get(row.connection_id)
