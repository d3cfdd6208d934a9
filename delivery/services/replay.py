"""Sending dead letters again: a failed call goes back to the outbox under its own message id, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from common.tasks import enqueue
from delivery.models import Connection, Outcome
from delivery.services import counters
from delivery.services.counters import Count
from delivery.tasks import deliver, sync_lists
from spaces import audit
from spaces.models import Space, User

AT_ONCE = 10_000

PICK = """
SELECT l.id FROM delivery_log l JOIN delivery_connection c ON c.id = l.connection_id
WHERE l.space_id = %s AND l.outcome = 'failed' AND c.removed_at IS NULL
  AND (%s::bigint[] IS NULL OR l.id = ANY(%s)) AND (%s::bigint IS NULL OR l.connection_id = %s)
ORDER BY l.id LIMIT %s FOR UPDATE OF l
"""
BACK_TO_OUTBOX = """
INSERT INTO delivery (space_id, id, destination_id, connection_id, profile_id, message_id, kind, payload, created_at,
    next_attempt_at, attempts, last_error)
SELECT l.space_id, l.id, l.destination_id, l.connection_id, l.profile_id, l.message_id, l.kind, l.payload, l.created_at,
    CASE WHEN c.is_enabled THEN %s ELSE '9999-01-01 00:00:00+00'::timestamptz END, l.attempts, l.detail
FROM delivery_log l JOIN delivery_connection c ON c.id = l.connection_id
WHERE l.space_id = %s AND l.id = ANY(%s) AND l.outcome = 'failed' AND l.entry IS NULL
RETURNING id
"""
# An entry that has changed since has a newer change pending, which decides.
BACK_TO_LIST = """
INSERT INTO list_change (space_id, connection_id, profile_id, id_type, id_value, id, is_add, message_id, payload,
    changed_at, attempts, next_attempt_at)
SELECT l.space_id, l.connection_id, l.profile_id, l.entry::json ->> 0, l.entry::json ->> 1, l.id, l.kind = 'add',
    l.message_id, l.payload, l.created_at, l.attempts, %s
FROM delivery_log l WHERE l.space_id = %s AND l.id = ANY(%s) AND l.outcome = 'failed' AND l.entry IS NOT NULL
ON CONFLICT DO NOTHING RETURNING id
"""
FORGET = """
DELETE FROM delivery_log WHERE space_id = %s AND id = ANY(%s) AND outcome = 'failed'
RETURNING connection_id, destination_id, coalesce(reason, ''), finished_at
"""


@transaction.atomic
def replay(
    *, space: Space, actor: User | None, call_ids: Sequence[int] | None = None, connection: Connection | None = None
) -> int:
    """Queue failed calls again: these, those of a connection, or all of the space; at most 10,000. Returns how many.

    They keep their ids, message ids and attempts, and get 4 new hours. What is not a failed call of a connection that
    still exists is passed over, so replaying twice sends once.
    """
    now = timezone.now()
    ids = list(call_ids) if call_ids is not None else None
    wanted = connection.pk if connection is not None else None
    with database.cursor() as cursor:
        cursor.execute(PICK, [space.pk, ids, ids, wanted, wanted, AT_ONCE])
        picked = [row[0] for row in cursor.fetchall()]
        cursor.execute(BACK_TO_OUTBOX, [now, space.pk, picked])
        queued = [row[0] for row in cursor.fetchall()]
        cursor.execute(BACK_TO_LIST, [now, space.pk, picked])
        listed = [row[0] for row in cursor.fetchall()]
        cursor.execute(FORGET, [space.pk, [*queued, *listed]])
        forgotten = cursor.fetchall()
    _take_back(space, forgotten)
    if queued:
        enqueue(deliver)
    if listed:
        enqueue(sync_lists)
    for connection_id, calls in Counter(row[0] for row in forgotten).items():
        target = Connection.objects.select_related("destination").get(pk=connection_id)
        audit.record(space=space, actor=actor, action="delivery.replayed", target=target, after={"calls": calls})
    return len(forgotten)


def _take_back(space: Space, forgotten: Sequence[tuple[int, int, str, datetime]]) -> None:
    """They are no longer failed: taken out of the books where they were entered."""
    by_bucket: dict[datetime, Counter[tuple[int, int, str]]] = {}
    for connection_id, destination_id, reason, finished_at in forgotten:
        bucket = by_bucket.setdefault(counters.bucket_of(finished_at), Counter())
        bucket[connection_id, destination_id, reason] += 1
    for bucket_start in sorted(by_bucket):
        counters.add(
            [
                Count(
                    space_id=space.pk,
                    connection_id=connection_id,
                    destination_id=destination_id,
                    outcome=Outcome.FAILED,
                    reason=reason,
                    calls=-calls,
                )
                for (connection_id, destination_id, reason), calls in by_bucket[bucket_start].items()
            ],
            now=bucket_start,
        )
