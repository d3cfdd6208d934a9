"""The calls that were emitted, in the order of their ids, whatever became of them since.

Ids are given before their transactions commit, so a later id can be seen before an earlier one. A run therefore goes up
to an id that it fixes first, and begins once every transaction has ended that was writing calls at that time: whoever
has an id up to it held a lock on one of the tables before the id was read.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from django.db import connection as database

# Payloads go up to some 30 KB (rows of SQL traits); most have one.
BLOCK = 1_000

WRITERS = """
SELECT DISTINCT l.virtualtransaction FROM pg_locks l
WHERE l.locktype = 'relation' AND l.mode = 'RowExclusiveLock' AND l.granted AND l.pid <> pg_backend_pid()
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND l.relation IN ('delivery'::regclass, 'list_change'::regclass, 'delivery_log'::regclass)
ORDER BY 1
"""
# A call is in one of three tables, and moves between them: one statement sees each exactly once. First the ids, from
# indexes alone, then the payloads of these.
CALLS = """
WITH picked AS MATERIALIZED (
    SELECT * FROM (
        (SELECT 'log' AS place, l.id, l.connection_id, 0::bigint AS profile_id
         FROM unnest(%(connections)s::bigint[]) AS c(id) CROSS JOIN LATERAL (
            SELECT id, connection_id FROM delivery_log
            WHERE connection_id = c.id AND id > %(after)s AND id <= %(upto)s ORDER BY id LIMIT %(limit)s
         ) AS l)
        UNION ALL
        (SELECT 'list', l.id, l.connection_id, 0
         FROM unnest(%(connections)s::bigint[]) AS c(id) CROSS JOIN LATERAL (
            SELECT id, connection_id FROM list_change
            WHERE connection_id = c.id AND id > %(after)s AND id <= %(upto)s ORDER BY id LIMIT %(limit)s
         ) AS l)
        UNION ALL
        (SELECT 'outbox', id, connection_id, profile_id FROM delivery
         WHERE space_id = %(space)s AND connection_id = ANY(%(connections)s::bigint[])
         AND id > %(after)s AND id <= %(upto)s ORDER BY id LIMIT %(limit)s)
    ) AS found ORDER BY id LIMIT %(limit)s
)
SELECT p.id, p.connection_id, CASE p.place
    WHEN 'log' THEN (SELECT payload FROM delivery_log l WHERE l.connection_id = p.connection_id AND l.id = p.id LIMIT 1)
    WHEN 'list' THEN (SELECT payload FROM list_change l WHERE l.connection_id = p.connection_id AND l.id = p.id LIMIT 1)
    ELSE (SELECT payload FROM delivery d WHERE d.space_id = %(space)s AND d.profile_id = p.profile_id AND d.id = p.id)
END FROM picked p ORDER BY p.id
"""
# Each Engage source has its own schema, and a deleted destination keeps its place. What ordinary sources send straight
# to a destination is no call of Engage.
SOURCES = """
SELECT c.id, coalesce((
    SELECT s.number FROM delivery_engagesourcemember m JOIN delivery_engagesource s ON s.id = m.source_id
    WHERE m.destination_id = c.destination_id ORDER BY m.detached_at DESC NULLS FIRST, m.id DESC LIMIT 1
), 1) FROM delivery_connection c WHERE c.space_id = %s AND c.computation_class <> 'source'
"""


class Emitted(NamedTuple):
    """A call; `payload` is JSON text, "{}" once a person was deleted from it."""

    id: int
    connection_id: int
    payload: str


def writers() -> list[str]:
    """The transactions of others that are writing calls right now."""
    with database.cursor() as cursor:
        cursor.execute(WRITERS)
        return [row[0] for row in cursor.fetchall()]


def still_writing(before: Collection[str]) -> list[str]:
    """Those of the transactions that have not ended."""
    return [one for one in writers() if one in set(before)] if before else []


def sources_by_connection(space_id: int) -> dict[int, int]:
    """The number of the Engage source of every connection."""
    with database.cursor() as cursor:
        cursor.execute(SOURCES, [space_id])
        return dict(cursor.fetchall())


def calls_between(
    *, space_id: int, connections: Collection[int], after: int, upto: int, limit: int = BLOCK
) -> list[Emitted]:
    """The first calls after an id, at most `limit`."""
    values: dict[str, Any] = {
        "space": space_id,
        "connections": sorted(connections),
        "after": after,
        "upto": upto,
        "limit": limit,
    }
    with database.cursor() as cursor:
        cursor.execute(CALLS, values)
        return [Emitted(*row) for row in cursor.fetchall()]
