"""How many runs of one kind of work may go on at once, over all processes of all hosts.

A long run occupies a worker process. Without a bound a backlog of one stage would take every process and the other
stages would wait for it. The bound is an advisory lock of the session, so a killed process frees its slot.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def slot(lock_class: int, limit: int) -> Iterator[bool]:
    """True while one of `limit` slots is held, False when all are taken. `lock_class` names the kind of work."""
    taken = _take(lock_class, limit)
    try:
        yield taken is not None
    finally:
        if taken is not None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [lock_class, taken])


def _take(lock_class: int, limit: int) -> int | None:
    with connection.cursor() as cursor:
        for number in range(limit):
            cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [lock_class, number])
            row = cursor.fetchone()
            if row and row[0]:
                return number
    return None
