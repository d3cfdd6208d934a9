"""One evaluation a space at a time: real time, rechecks, slices of a backfill and first syncs take turns.

A verdict is computed from a snapshot and then stored; two at once could store an older verdict over a newer one.
The lock is an advisory one of the transaction, so a killed worker frees it.
"""

from __future__ import annotations

from django.db import connection

from common.locks import LockClass


def try_lock_space(space_id: int) -> bool:
    """Take the lock if it is free. Call inside a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [LockClass.EVALUATION, space_id])
        return bool(cursor.fetchone()[0])


def lock_space(space_id: int) -> None:
    """Wait for the lock. Call inside a transaction, and start reading only afterwards."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LockClass.EVALUATION, space_id])
