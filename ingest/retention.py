"""What the inbound side forgets in time: dedupe keys, rejected messages, identity issues, unknown write keys."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

BLOCK = 20_000
ISSUE_DAYS = 30
UNKNOWN_KEY_DAYS = 90
# A sweep comes every ten minutes; a long backlog is worked off over several.
MOST_BLOCKS = 50


def forget_old(*, now: datetime) -> dict[str, int]:
    """Delete what is past its time, in blocks that commit by themselves; rows deleted by table."""
    ages = {
        "message_key": ("received_at", max(1, settings.ENGAGE_DEDUPE_DAYS)),
        "rejected_message": ("received_at", settings.ENGAGE_REJECTED_RETENTION_DAYS),
        "identity_issue": ("at", ISSUE_DAYS),
        "unknown_write_key": ("last_seen_at", UNKNOWN_KEY_DAYS),
    }
    return {table: _delete(table, column, now - timedelta(days=days)) for table, (column, days) in ages.items()}


def _delete(table: str, column: str, before: datetime) -> int:
    total = 0
    for _ in range(MOST_BLOCKS):
        with connection.cursor() as cursor:
            cursor.execute(
                f"DELETE FROM {table} WHERE ctid = ANY(ARRAY("  # noqa: S608 - the names are those above
                f"SELECT ctid FROM {table} WHERE {column} < %s LIMIT %s FOR UPDATE SKIP LOCKED))",
                [before, BLOCK],
            )
            total += cursor.rowcount
            if cursor.rowcount < BLOCK:
                break
    return total
