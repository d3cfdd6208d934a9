"""The messages behind the numbers of the overview, and the outgoing side of the debugger, newest first.

A page is read by id within the ids that the tallies noted for the period. A filter that few messages pass is looked
for in steps of ids, for a moment at most; the page then says how far it got.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from django.db import connection as database
from django.utils import timezone

from delivery.models import Connection, Outcome
from delivery.selectors.calls import MAX_ID, CallRow
from delivery.selectors.list_runs import in_run
from delivery.selectors.overview import (
    DELIVERED,
    DESTINATION,
    FAILED,
    OPEN,
    PENDING,
    RECEIVED,
    SOURCE,
    SUPERSEDED,
    Scope,
)
from delivery.selectors.periods import Period
from delivery.selectors.reasons import AT_MAPPING, BY_INTEGRATIONS, SOURCE_REASONS
from delivery.services.tallies import EMITTED, UNADDRESSED
from destinations import catalog
from spaces.models import Space

STATUSES = ("delivered", "filtered", "failed", "superseded", *OPEN)
# Ids looked at in one statement while searching, and how long a page may search.
WINDOW = 100_000
SEARCH_SECONDS = 1.5

LOG = """
SELECT found.* FROM unnest(%(connections)s::bigint[]) AS c(id) CROSS JOIN LATERAL (
    SELECT l.id, l.connection_id, l.profile_id, l.message_id, l.kind, l.payload, l.created_at, l.finished_at,
        l.attempts, l.outcome, l.reason, l.detail, l.status, l.duration_ms, l.exchange, NULL::timestamptz
    FROM delivery_log l WHERE l.connection_id = c.id AND l.space_id = %(space)s AND {where}
    ORDER BY l.id {order} LIMIT %(limit)s
) found ORDER BY found.id {order} LIMIT %(limit)s
"""
OUTBOX = """
SELECT l.id, l.connection_id, l.profile_id, l.message_id, l.kind, l.payload, l.created_at, NULL::timestamptz,
    l.attempts,
    CASE WHEN l.lease_until > %(now)s THEN 'in_flight' WHEN l.attempts > 0 THEN 'retrying' ELSE 'waiting' END,
    NULL::text, l.last_error, NULL::smallint, NULL::integer, NULL::text, l.next_attempt_at
FROM delivery l WHERE l.space_id = %(space)s AND l.destination_id = ANY(%(destinations)s::bigint[])
    AND l.connection_id = ANY(%(connections)s::bigint[]) AND {where}
ORDER BY l.id {order} LIMIT %(limit)s
"""
LISTS = f"""
SELECT l.id, l.connection_id, l.profile_id, l.message_id, CASE WHEN l.is_add THEN 'add' ELSE 'remove' END, l.payload,
    l.changed_at, NULL::timestamptz, l.attempts,
    CASE WHEN {in_run("l")} THEN 'in_flight' WHEN l.attempts > 0 THEN 'retrying' ELSE 'waiting' END,
    NULL::text, l.last_error, NULL::smallint, NULL::integer, NULL::text, l.next_attempt_at
FROM list_change l WHERE l.space_id = %(space)s AND l.connection_id = ANY(%(connections)s::bigint[]) AND {{where}}
ORDER BY l.id {{order}} LIMIT %(limit)s
"""  # noqa: S608 - constants of this project
BOUNDS = """
SELECT min(first_id), max(last_id) FROM delivery_tally t
WHERE t.space_id = %(space)s AND t.destination_id = ANY(%(destinations)s::bigint[])
  AND t.connection_id = ANY(%(connections)s::bigint[]) AND t.outcome = ANY(%(outcomes)s) AND ({parts})
"""
NEWEST = "SELECT last_value FROM delivery_id_seq"
OUTBOX_STATE = {
    "in_flight": "l.lease_until > %(now)s",
    "retrying": "(l.lease_until IS NULL OR l.lease_until <= %(now)s) AND l.attempts > 0",
    "waiting": "(l.lease_until IS NULL OR l.lease_until <= %(now)s) AND l.attempts = 0",
}
LIST_STATE = {
    "in_flight": in_run("l"),
    "retrying": f"NOT {in_run('l')} AND l.attempts > 0",
    "waiting": f"NOT {in_run('l')} AND l.attempts = 0",
}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which messages. `connections` are those whose calls are looked at; everything else narrows; "" is any.

    `not_named` keeps calls whose integrations object does not name a destination; `text` is looked for in the payload
    as it was sent, whatever the case; `user` is an identifier of the payload.
    """

    space: Space
    connections: Sequence[Connection]
    status: str = ""
    outcomes: tuple[str, ...] = ()
    reason: str | None = None
    not_reasons: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    mapping: str = ""
    mapping_result: str = ""
    kind: str = ""
    event: str | None = None
    text: str = ""
    user: str = ""
    not_named: str = ""
    period: Period | None = None
    # Homes of the tallies whose ids bound the period; the connections' own destinations when empty.
    tallied_at: tuple[int, ...] = ()

    @property
    def is_rare(self) -> bool:
        return bool(self.text or self.user or self.event is not None or self.kind or self.mapping or self.not_named)


@dataclass(frozen=True, kw_only=True)
class MessagePage:
    """Newest first. `after`: the cursor of what is older; `before`: of what is newer; None at the ends.

    `is_cut`: the search stopped because its time was up; `after` goes on from there.
    """

    rows: list[CallRow]
    after: str | None
    before: str | None
    is_cut: bool = False


def behind(scope: Scope, step: str, code: str | None = None) -> list[Wanted]:
    """The messages that a number of the overview counts; their lists together are that many long."""
    own = Wanted(
        space=scope.space,
        connections=scope.connections,
        kind=scope.kind,
        event=scope.event,
        period=scope.period,
    )
    passed = _passed(scope, own)
    if step == DESTINATION:
        return _filtered(scope, own, passed, code)
    decided = (Outcome.DELIVERED,) if step == DELIVERED else (Outcome.FAILED,)
    if scope.mapping and step in {FAILED, DELIVERED}:
        result = code if step == FAILED and code is not None else ("delivered" if step == DELIVERED else "*")
        both = (Outcome.DELIVERED, Outcome.FAILED)
        return [replace(own, outcomes=both, mapping=scope.mapping, mapping_result=result)]
    found = {
        RECEIVED: [own, *passed],
        PENDING: [replace(own, status=code or PENDING)],
        SUPERSEDED: [replace(own, outcomes=(Outcome.SUPERSEDED,), reason=code)],
        SOURCE: [replace(own, outcomes=(Outcome.FILTERED,), reason=code, reasons=tuple(SOURCE_REASONS))],
        FAILED: [replace(own, outcomes=decided, reason=code)],
        DELIVERED: [replace(own, outcomes=decided)],
    }
    return found[step]


def _passed(scope: Scope, own: Wanted) -> list[Wanted]:
    if not scope.counts_passed or scope.destination is None:
        return []
    definition = catalog.definition(scope.destination.connector)
    name = definition.name if definition is not None else scope.destination.connector
    return [replace(own, connections=scope.passed_by, not_named=name, tallied_at=(scope.destination.pk,))]


def _filtered(scope: Scope, own: Wanted, passed: list[Wanted], code: str | None) -> list[Wanted]:
    found = []
    if code is None or code == BY_INTEGRATIONS:
        found += passed
    if code != AT_MAPPING:
        found.append(replace(own, outcomes=(Outcome.FILTERED,), reason=code, not_reasons=tuple(SOURCE_REASONS)))
    if scope.mapping and code in {None, AT_MAPPING}:
        found.append(
            replace(own, outcomes=(Outcome.DELIVERED, Outcome.FAILED), mapping=scope.mapping, mapping_result="")
        )
    return found


def message_page(wanted: Sequence[Wanted], *, after: str = "", before: str = "", size: int = 50) -> MessagePage:
    """A page of all the messages that one of `wanted` describes."""
    older, newer = _cursor(after), _cursor(before)
    if newer is not None and older is None:
        found, _cut = _search(wanted, low=newer + 1, high=MAX_ID, size=size + 1, is_upwards=True)
        has_newer, rows = len(found) > size, found[:size][::-1]
        if not rows:
            return message_page(wanted, size=size)
        return MessagePage(rows=_attached(wanted, rows), after=str(rows[-1].id), before=_id(rows[0], has_newer))
    high = older - 1 if older is not None else MAX_ID
    rows, cut_at = _search(wanted, low=0, high=high, size=size + 1, is_upwards=False)
    has_older, rows = len(rows) > size, rows[:size]
    following = str(rows[-1].id) if has_older else (str(cut_at) if cut_at is not None else None)
    return MessagePage(
        rows=_attached(wanted, rows),
        after=following,
        before=str(rows[0].id) if older is not None and rows else None,
        is_cut=cut_at is not None and not has_older,
    )


def newest_id() -> int:
    with database.cursor() as cursor:
        cursor.execute(NEWEST)
        return int(cursor.fetchone()[0])


def _id(row: CallRow, is_wanted: bool) -> str | None:
    return str(row.id) if is_wanted else None


def _search(
    wanted: Sequence[Wanted], *, low: int, high: int, size: int, is_upwards: bool
) -> tuple[list[CallRow], int | None]:
    """(messages in the order of reading, the id at which time was up)."""
    deadline = time.monotonic() + SEARCH_SECONDS
    found: list[CallRow] = []
    cut_at = None
    for one in wanted:
        bounds = _bounds(one)
        if bounds is None:
            continue
        first, last = max(low, bounds[0]), min(high, bounds[1])
        rows, stopped = _find(one, first, last, size=size, is_upwards=is_upwards, deadline=deadline)
        found += rows
        if stopped is not None:
            cut_at = stopped if cut_at is None else max(cut_at, stopped)
    found.sort(key=lambda row: row.id, reverse=not is_upwards)
    if cut_at is not None and not is_upwards:
        # What lies below is not known of every part yet.
        found = [row for row in found if row.id >= cut_at]
    return found[:size], cut_at


def _find(
    wanted: Wanted, low: int, high: int, *, size: int, is_upwards: bool, deadline: float
) -> tuple[list[CallRow], int | None]:
    if not wanted.is_rare:
        return _read(wanted, low, high, size=size, is_upwards=is_upwards), None
    if high == MAX_ID or low == 0:
        ends = _ends(wanted)
        if ends is None:
            return [], None
        low, high = max(low, ends[0]), min(high, ends[1])
    found: list[CallRow] = []
    while low <= high:
        if is_upwards:
            start, end = low, min(high, low + WINDOW - 1)
            low = end + 1
        else:
            start, end = max(low, high - WINDOW + 1), high
            high = start - 1
        found += _read(wanted, start, end, size=size - len(found), is_upwards=is_upwards)
        if len(found) >= size:
            break
        if time.monotonic() >= deadline and low <= high:
            return found, (end + 1 if is_upwards else start)
    return found, None


def _bounds(wanted: Wanted) -> tuple[int, int] | None:
    """The ids among which the messages of the period are; None when there is none."""
    if not wanted.connections:
        return None
    if wanted.period is None:
        return 0, MAX_ID
    params: dict[str, Any] = {
        "space": wanted.space.pk,
        "destinations": list(wanted.tallied_at) or sorted({one.destination_id for one in wanted.connections}),
        "connections": [one.pk for one in wanted.connections],
        "outcomes": [UNADDRESSED if wanted.not_named else EMITTED],
    }
    texts = []
    for number, (span, since, until) in enumerate(wanted.period.parts()):
        texts.append(f"t.span = {span} AND t.bucket >= %(since{number})s AND t.bucket < %(until{number})s")
        params |= {f"since{number}": since, f"until{number}": until}
    with database.cursor() as cursor:
        cursor.execute(BOUNDS.format(parts="(" + ") OR (".join(texts) + ")"), params)
        first, last = cursor.fetchone()
    return None if first is None else (first, last)


def _ends(wanted: Wanted) -> tuple[int, int] | None:
    """The oldest and the newest id of these connections anywhere."""
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT min(first), max(newest) FROM unnest(%s::bigint[]) AS c(id) CROSS JOIN LATERAL ("
            "(SELECT l.id AS first, NULL::bigint AS newest FROM delivery_log l WHERE l.connection_id = c.id "
            "ORDER BY l.id LIMIT 1) UNION ALL "
            "(SELECT NULL, l.id FROM delivery_log l WHERE l.connection_id = c.id ORDER BY l.id DESC LIMIT 1)) ends",
            [[one.pk for one in wanted.connections]],
        )
        first, last = cursor.fetchone()
    newest = newest_id()
    return (first if first is not None else max(0, newest - WINDOW * 10), max(last or 0, newest))


def _read(wanted: Wanted, low: int, high: int, *, size: int, is_upwards: bool) -> list[CallRow]:
    params: dict[str, Any] = {
        "space": wanted.space.pk,
        "connections": [one.pk for one in wanted.connections],
        "destinations": sorted({one.destination_id for one in wanted.connections}),
        "limit": size,
        "low": low,
        "high": high,
        "now": timezone.now(),
    }
    order = "ASC" if is_upwards else "DESC"
    shared = ["l.id >= %(low)s", "l.id <= %(high)s", *_payload_conditions(wanted, params)]
    statements: list[tuple[str, list[str]]] = []
    if wanted.status not in {PENDING, *OPEN}:
        statements.append((LOG, [*shared, *_decided(wanted, params)]))
    if not wanted.outcomes and wanted.reason is None and wanted.status in {"", PENDING, *OPEN}:
        statements += _open(wanted, shared, params)
    rows: list[CallRow] = []
    with database.cursor() as cursor:
        for statement, where in statements:
            cursor.execute(statement.format(where=" AND ".join(where), order=order), params)
            rows += [CallRow(*row) for row in cursor.fetchall()]
    rows.sort(key=lambda row: row.id, reverse=not is_upwards)
    return rows[:size]


def _payload_conditions(wanted: Wanted, params: dict[str, Any]) -> list[str]:
    where = []
    if wanted.text:
        where.append("strpos(lower(l.payload), lower(%(text)s)) > 0")
        params["text"] = wanted.text
    if wanted.user:
        where.append(
            "(l.payload::jsonb @? %(user_path)s::jsonpath OR l.payload::jsonb -> 'traits' ->> 'email' = %(user)s "
            "OR l.payload::jsonb -> 'context' -> 'traits' ->> 'email' = %(user)s)"
        )
        params["user"] = wanted.user
        quoted = msgspec.json.encode(wanted.user).decode()
        params["user_path"] = f"$ ? (@.userId == {quoted} || @.anonymousId == {quoted} || @.groupId == {quoted})"
        where.insert(0, "strpos(l.payload, %(user_text)s) > 0")
        params["user_text"] = quoted
    if wanted.not_named:
        where.append("l.payload::jsonb ? 'integrations' AND NOT l.payload::jsonb -> 'integrations' ? %(not_named)s")
        params["not_named"] = wanted.not_named
    return where


def _decided(wanted: Wanted, params: dict[str, Any]) -> list[str]:
    where = _when(wanted, "l.created_at", params)
    outcomes = wanted.outcomes or ((wanted.status,) if wanted.status else ())
    if outcomes:
        # Literals, so that the partial index of what was not delivered is seen to fit.
        where.append("l.outcome IN (" + ", ".join(f"'{Outcome(one).value}'" for one in outcomes) + ")")
    if wanted.reason is not None:
        where.append("coalesce(l.reason, '') = %(reason)s" if not wanted.reason else "l.reason = %(reason)s")
        params["reason"] = wanted.reason
    if wanted.reasons:
        where.append("l.reason = ANY(%(reasons)s)")
        params["reasons"] = list(wanted.reasons)
    if wanted.not_reasons:
        where.append("coalesce(l.reason, '') <> ALL(%(not_reasons)s)")
        params["not_reasons"] = list(wanted.not_reasons)
    if wanted.kind:
        where.append("l.kind = %(kind)s")
        params["kind"] = wanted.kind
    if wanted.event is not None:
        where.append("coalesce(l.event, '') = %(event)s")
        params["event"] = wanted.event
    if wanted.mapping:
        params |= {"mapping": wanted.mapping, "result": wanted.mapping_result}
        own = "l.mappings::jsonb ->> %(mapping)s"
        where.append(
            {
                "": f"({own}) IS NULL",
                "*": f"{own} <> 'delivered'",
            }.get(wanted.mapping_result, f"{own} = %(result)s")
        )
    return where


def _open(wanted: Wanted, shared: list[str], params: dict[str, Any]) -> list[tuple[str, list[str]]]:
    in_outbox = [*shared, *_when(wanted, "l.created_at", params)]
    in_lists = [*shared, *_when(wanted, "l.changed_at", params)]
    if wanted.status in OPEN:
        in_outbox.append(OUTBOX_STATE[wanted.status])
        in_lists.append(LIST_STATE[wanted.status])
    if wanted.kind:
        params |= {"kind": wanted.kind, "is_add": wanted.kind == "add"}
        in_outbox.append("l.kind = %(kind)s")
        in_lists.append("l.is_add = %(is_add)s" if wanted.kind in {"add", "remove"} else "false")
    if wanted.event is not None:
        params["event"] = wanted.event
        in_outbox.append("coalesce(l.event, '') = %(event)s")
        in_lists.append("%(event)s = ''")
    return [(OUTBOX, in_outbox), (LISTS, in_lists)]


def _when(wanted: Wanted, column: str, params: dict[str, Any]) -> list[str]:
    if wanted.period is None:
        return []
    params |= {"since": wanted.period.since, "until": wanted.period.until}
    return [f"{column} >= %(since)s", f"{column} < %(until)s"]


def _attached(wanted: Sequence[Wanted], rows: list[CallRow]) -> list[CallRow]:
    known = {one.pk: one for part in wanted for one in part.connections}
    for row in rows:
        row.connection = known.get(row.connection_id)
    return rows


def _cursor(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
