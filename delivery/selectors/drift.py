"""What a list destination acknowledged against the membership of the computation (design.md §6, "drift").

An entry is *missing* when a member should be on the list and the destination never acknowledged it: it failed, was
filtered, or was never sent. It is *extra* when the destination acknowledged it and its person is no member any more.
What waits to be sent is neither. Members without a usable identifier are unreachable, not missing.
"""

# ruff: noqa: S608 - the statements are made of the constants of this module and of a query of an app above

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django.conf import settings
from django.db import connection as database
from django.db import transaction
from django.db.utils import OperationalError
from django.utils.module_loading import import_string

from delivery.models import Connection, FirstSync
from delivery.services.targets import CARRIED, NOBODY_YET, Identifier, allowed_types, id_sync_of, newest_only
from destinations import catalog

Side = Literal["missing", "extra"]
SIDES: tuple[Side, ...] = ("missing", "extra")
SECONDS = 10
PAGE = 50
# SQL of a column `profile_id`, and its parameters.
Members = tuple[str, Mapping[str, Any]]
# Those who were sent as members: for computations whose members no app above tells.
SENT = (
    "SELECT DISTINCT profile_id FROM sent_value WHERE space_id = %(space)s AND connection_id = %(connection)s "
    "AND value = 'true'::jsonb AND id_type <> ''"
)
SAME = (
    "{0}.space_id = %(space)s AND {0}.connection_id = %(connection)s AND {0}.profile_id = {1}.profile_id "
    "AND {0}.id_type = {1}.id_type AND {0}.id_value = {1}.id_value"
)
OWN = "{0}.space_id = %(space)s AND {0}.connection_id = %(connection)s"
# `never`: members of whom nothing was sent, when the whole membership was to be; `own`: their identifiers, ranked.
WITH = f"""
WITH member AS ({{members}}),
never AS (
    SELECT m.profile_id FROM member m WHERE %(is_whole)s AND NOT EXISTS (
        SELECT FROM sent_value s WHERE {OWN.format("s")} AND s.profile_id = m.profile_id
        AND s.value IN ('true'::jsonb, %(carried)s::jsonb)
    )
    AND NOT EXISTS (SELECT FROM list_change c WHERE {OWN.format("c")} AND c.profile_id = m.profile_id)
),
own AS (
    SELECT n.profile_id, e.id_type, e.original AS id_value,
        row_number() OVER (PARTITION BY n.profile_id, e.id_type ORDER BY e.created_at, e.value) AS number,
        count(*) OVER (PARTITION BY n.profile_id, e.id_type) AS numbers,
        row_number() OVER (
            PARTITION BY n.profile_id, e.id_type = ANY(%(newest)s) ORDER BY e.created_at DESC, e.value DESC
        ) AS age
    FROM never n JOIN external_id e
    ON e.space_id = %(space)s AND e.profile_id = n.profile_id AND e.id_type = ANY(%(types)s)
),
missing AS (
    SELECT s.profile_id, s.id_type, s.id_value FROM sent_value s JOIN member m ON m.profile_id = s.profile_id
    WHERE {OWN.format("s")} AND s.value = 'true'::jsonb AND s.id_type <> ''
    AND NOT EXISTS (SELECT FROM list_member l WHERE {SAME.format("l", "s")})
    AND NOT EXISTS (SELECT FROM list_change c WHERE {SAME.format("c", "s")})
    UNION ALL
    SELECT o.profile_id, o.id_type, o.id_value FROM own o
    JOIN unnest(%(types)s::text[], %(strategies)s::text[]) AS c(id_type, strategy) ON c.id_type = o.id_type
    WHERE (c.strategy = 'all' OR c.strategy = 'first' AND o.number = 1 OR c.strategy = 'last' AND o.number = o.numbers)
    AND (o.id_type <> ALL(%(newest)s) OR o.age = 1)
),
extra AS (
    SELECT l.profile_id, l.id_type, l.id_value FROM list_member l
    WHERE {OWN.format("l")} AND NOT EXISTS (SELECT FROM member m WHERE m.profile_id = l.profile_id)
    AND NOT EXISTS (SELECT FROM list_change c WHERE {SAME.format("c", "l")})
)
"""
COUNT = f"""
SELECT (SELECT count(*) FROM member),
    (SELECT count(*) FROM never n WHERE NOT EXISTS (SELECT FROM own o WHERE o.profile_id = n.profile_id)),
    (SELECT count(*) FROM list_member l WHERE {OWN.format("l")}),
    (SELECT count(DISTINCT l.profile_id) FROM list_member l WHERE {OWN.format("l")}),
    (SELECT count(*) FROM list_change c WHERE {OWN.format("c")} AND c.is_add),
    (SELECT count(*) FROM list_change c WHERE {OWN.format("c")} AND NOT c.is_add),
    (SELECT count(*) FROM missing), (SELECT count(DISTINCT profile_id) FROM missing),
    (SELECT count(*) FROM extra), (SELECT count(DISTINCT profile_id) FROM extra)
"""
# The last thing that became of an entry says why it is not where it should be.
PEOPLE = """
SELECT found.profile_id, p.segment_id, found.id_types, found.id_values, last.id, last.outcome, last.detail
FROM (
    SELECT profile_id, array_agg(id_type ORDER BY id_type, id_value) AS id_types,
        array_agg(id_value ORDER BY id_type, id_value) AS id_values
    FROM {side} WHERE profile_id > %(after)s GROUP BY profile_id ORDER BY profile_id LIMIT %(limit)s
) found
LEFT JOIN profile p ON p.space_id = %(space)s AND p.id = found.profile_id
LEFT JOIN LATERAL (
    SELECT l.id, l.outcome, l.detail FROM delivery_log l
    WHERE l.space_id = %(space)s AND l.profile_id = found.profile_id AND l.connection_id = %(connection)s
    ORDER BY l.id DESC LIMIT 1
) last ON true
ORDER BY found.profile_id
"""


@dataclass(frozen=True, kw_only=True)
class Drift:
    """Both sides in numbers. `acknowledged`, `missing`, `extra` and the waiting changes count entries (identifiers)."""

    members: int
    unreachable: int
    acknowledged: int
    acknowledged_people: int
    waiting_adds: int
    waiting_removes: int
    missing: int
    missing_people: int
    extra: int
    extra_people: int

    @property
    def is_none(self) -> bool:
        return not self.missing and not self.extra


@dataclass(frozen=True, kw_only=True)
class DriftPerson:
    """Somebody on one side, their entries, and what last became of a call about them (None: nothing was sent)."""

    profile_id: int
    segment_id: str
    entries: list[Identifier]
    call_id: int | None
    outcome: str | None
    detail: str | None


@dataclass(frozen=True, kw_only=True)
class DriftPage:
    """`after` is the cursor of the next page, None at the end."""

    rows: list[DriftPerson]
    after: str | None


def drift_of(connection: Connection) -> Drift | None:
    """None when it takes too long to count."""
    try:
        with transaction.atomic(), database.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(SECONDS * 1000)])
            cursor.execute(*_statement(connection, COUNT))
            row = cursor.fetchone()
            cursor.execute("SELECT set_config('statement_timeout', '0', true)")
    except OperationalError:
        return None
    names = ["members", "unreachable", "acknowledged", "acknowledged_people", "waiting_adds", "waiting_removes"]
    names += ["missing", "missing_people", "extra", "extra_people"]
    return Drift(**dict(zip(names, row, strict=True)))


def drift_page(connection: Connection, side: Side, *, after: str = "", size: int = PAGE) -> DriftPage:
    """The people of one side, in the order of their profiles."""
    start = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else 0
    with database.cursor() as cursor:
        cursor.execute(*_statement(connection, PEOPLE.format(side=side), after=start, limit=size + 1))
        rows = [
            DriftPerson(
                profile_id=profile_id,
                segment_id=segment_id or "",
                entries=list(zip(types, values, strict=True)),
                call_id=call_id,
                outcome=outcome,
                detail=detail,
            )
            for profile_id, segment_id, types, values, call_id, outcome, detail in cursor.fetchall()
        ]
    return DriftPage(rows=rows[:size], after=str(rows[size - 1].profile_id) if len(rows) > size else None)


def difference(connection: Connection, side: Side, *, limit: int) -> dict[int, list[Identifier]]:
    """The entries of one side of up to `limit` people, by profile."""
    found: dict[int, list[Identifier]] = {}
    people = f"(SELECT DISTINCT profile_id FROM {side} ORDER BY profile_id LIMIT %(limit)s)"
    statement = f"SELECT profile_id, id_type, id_value FROM {side} WHERE profile_id IN {people} ORDER BY 1, 2, 3"
    with database.cursor() as cursor:
        cursor.execute(*_statement(connection, statement, limit=limit))
        for profile_id, id_type, id_value in cursor.fetchall():
            found.setdefault(profile_id, []).append((id_type, id_value))
    return found


def _statement(connection: Connection, select: str, **more: Any) -> tuple[str, dict[str, Any]]:
    members, params = _members_of(connection)
    id_sync = id_sync_of(connection)
    types = allowed_types(connection) if id_sync is None else id_sync.types
    strategies = ["all"] * len(types) if id_sync is None else [id_sync.strategies[one] for one in types]
    values: dict[str, Any] = {
        **params,
        "space": connection.space_id,
        "connection": connection.pk,
        "types": types,
        "strategies": strategies,
        "newest": newest_only(connection, types),
        "carried": CARRIED,
        "nobody": NOBODY_YET[0],
        "is_whole": _is_whole(connection),
    }
    return WITH.format(members=members) + select, values | more


def _is_whole(connection: Connection) -> bool:
    """Whether everybody was to be sent, and not only those who enter after the connection was made (F122, F126)."""
    definition = catalog.definition(connection.destination.connector)
    has_history = definition is None or definition.has_history
    return has_history and connection.first_syncs.filter(state=FirstSync.State.DONE).exists()


def _members_of(connection: Connection) -> Members:
    for path in settings.COMPUTATION_MEMBERS:
        find: Callable[[Connection], Members | None] = import_string(path)
        found = find(connection)
        if found is not None:
            return found
    return SENT, {}
