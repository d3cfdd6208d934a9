"""What every micro-batch reports: rejected messages, identity issues, what was observed, and the counters last.

These rows are shared by all workers of a space, so they are written at the end, in key order.
"""

from __future__ import annotations

from django.db import connection

from ingest.observing import observe
from ingest.storing import Tally


def write_tally(tally: Tally) -> None:
    if tally.rejections:
        _copy_rejections(tally)
    if tally.issues:
        _copy_issues(tally)
    observe(tally.calls)
    with connection.cursor() as cursor:
        for (space_id, source_id, hour), row in sorted(tally.counts.items()):
            cursor.execute(
                "INSERT INTO source_counter AS c (space_id, source_id, hour, received, stored, duplicate, rejected) "
                "VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (space_id, source_id, hour) DO UPDATE SET "
                "received = c.received + excluded.received, stored = c.stored + excluded.stored, "
                "duplicate = c.duplicate + excluded.duplicate, rejected = c.rejected + excluded.rejected",
                [space_id, source_id, hour, *row],
            )


def _copy_rejections(tally: Tally) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY rejected_message (space_id, source_id, received_at, code, detail, message_id, message) FROM STDIN"
        ) as copy,
    ):
        for item in tally.rejections:
            message = item.message
            copy.write_row(
                (
                    item.space_id,
                    message.source_id,
                    message.received_at,
                    item.code,
                    item.detail,
                    message.message_id,
                    message.text(),
                )
            )


def _copy_issues(tally: Tally) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY identity_issue (space_id, at, violation, id_type, value, message_id) FROM STDIN") as copy,
    ):
        for space_id, at, issue, message_id in tally.issues:
            copy.write_row((space_id, at, issue.violation, issue.id_type, issue.value, message_id))
