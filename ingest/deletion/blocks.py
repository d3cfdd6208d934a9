"""Deleting the events of a person, in blocks that commit by themselves."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection, transaction

from delivery.services.copying import bigint_array

BLOCK = 5_000


@transaction.atomic
def delete_events(*, space_id: int, profile_ids: Sequence[int]) -> tuple[int, int]:
    """(events, identity issues of their messages) deleted; (0, 0) when none is left."""
    profiles = bigint_array(profile_ids)
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM event e USING (SELECT id, received_at FROM event WHERE space_id = %s "
            "AND profile_id = ANY(%s::bigint[]) LIMIT %s) AS b "
            "WHERE e.space_id = %s AND e.profile_id = ANY(%s::bigint[]) AND e.id = b.id "
            "AND e.received_at = b.received_at RETURNING e.message_id",
            [space_id, profiles, BLOCK, space_id, profiles],
        )
        messages = [row[0] for row in cursor.fetchall()]
        if not messages:
            return 0, 0
        cursor.execute(
            "DELETE FROM identity_issue WHERE space_id = %s AND message_id = ANY(%s::text[])", [space_id, messages]
        )
        return len(messages), cursor.rowcount
