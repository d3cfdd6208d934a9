"""What a resync of a connection would send, before it is started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.db.utils import OperationalError

from delivery.models import Connection
from delivery.services.calls import call_kinds
from delivery.services.targets import CARRIED, NOBODY_YET, allowed_types, id_sync_of
from destinations import catalog

SECONDS = 10

# Entries: identifiers of members, by strategy, without a call so far. Exits: what was sent of people who left.
COUNT = """
WITH member AS ({members}),
own AS (
    SELECT m.profile_id, e.id_type, e.original,
        row_number() OVER (PARTITION BY m.profile_id, e.id_type ORDER BY e.created_at, e.value) AS number,
        count(*) OVER (PARTITION BY m.profile_id, e.id_type) AS numbers
    FROM member m JOIN external_id e
    ON e.space_id = %(space)s AND e.profile_id = m.profile_id AND e.id_type = ANY(%(types)s)
),
entry AS (
    SELECT o.profile_id FROM own o
    JOIN unnest(%(types)s::text[], %(strategies)s::text[]) AS c(id_type, strategy) ON c.id_type = o.id_type
    WHERE (c.strategy = 'all' OR c.strategy = 'first' AND o.number = 1 OR c.strategy = 'last' AND o.number = o.numbers)
    AND NOT EXISTS (
        SELECT 1 FROM sent_value s WHERE s.space_id = %(space)s AND s.connection_id = %(connection)s
        AND s.profile_id = o.profile_id AND s.id_type = o.id_type AND s.id_value = o.original
        AND s.value IN ('true'::jsonb, %(carried)s::jsonb)
    )
),
exit AS (
    SELECT s.profile_id FROM sent_value s
    WHERE s.space_id = %(space)s AND s.connection_id = %(connection)s AND s.value = 'true'::jsonb
    AND s.id_type <> %(nobody)s AND NOT EXISTS (SELECT 1 FROM member m WHERE m.profile_id = s.profile_id)
)
SELECT (SELECT count(DISTINCT profile_id) FROM (TABLE entry UNION ALL TABLE exit) AS one),
    (SELECT count(*) FROM entry), (SELECT count(*) FROM exit)
"""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """`people` are reached by `calls` (`entries` and `exits` of identifiers, times the kinds of call).

    `requests` are made at the destination, which takes about `seconds` at its cap; None without one.
    """

    people: int
    entries: int
    exits: int
    calls: int
    requests: int
    seconds: float | None


def resync_estimate(connection: Connection, *, members: str, params: Mapping[str, Any]) -> Estimate | None:
    """None when it takes too long to count. `members` is SQL of a column `profile_id`: who is in the computation."""
    id_sync = id_sync_of(connection)
    types = allowed_types(connection) if id_sync is None else id_sync.types
    strategies = ["all"] * len(types) if id_sync is None else [id_sync.strategies[one] for one in types]
    try:
        with transaction.atomic(), database.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(SECONDS * 1000)])
            cursor.execute(
                COUNT.format(members=members),
                {
                    **params,
                    "space": connection.space_id,
                    "connection": connection.pk,
                    "types": types,
                    "strategies": strategies,
                    "carried": CARRIED,
                    "nobody": NOBODY_YET[0],
                },
            )
            people, entries, exits = cursor.fetchone()
            cursor.execute("SELECT set_config('statement_timeout', '0', true)")
    except OperationalError:
        return None
    definition = catalog.definition(connection.destination.connector)
    rate = connection.destination.requests_per_second or (definition.requests_per_second if definition else None)
    changes = entries + exits
    is_list = definition is not None and definition.kind == "list"
    calls = changes if is_list else changes * len(call_kinds(connection))
    requests = -(-changes // definition.batch_size) if is_list and definition is not None else calls
    return Estimate(
        people=people,
        entries=entries,
        exits=exits,
        calls=calls,
        requests=requests,
        seconds=requests / rate if rate else None,
    )
