"""Who may move profiles: writers of a space share a lock, a merge takes it alone.

A merge re-points every row of a profile and removes it. Whoever writes rows that name profiles holds the shared lock
of the space until commit, so that none is written for a profile that is just going away.
"""

from __future__ import annotations

from django.db import connection

from common.locks import LockClass


def share_profiles(space_id: int) -> None:
    """Wait until no merge is under way, and keep merges out until the transaction (or savepoint) ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [LockClass.PROFILES, space_id])


def own_profiles(space_id: int) -> None:
    """Wait for all writers of the space and be alone until the transaction (or savepoint) ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LockClass.PROFILES, space_id])
