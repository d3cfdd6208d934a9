"""Sending dead letters again: a failed call goes back to the outbox under its own message id, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from common.tasks import enqueue
from delivery.models import Connection
from delivery.selectors.dead_letters import DEAD, ERASED
from delivery.services import counters, tallies
from delivery.services.copying import bigint_array
from delivery.services.counters import Count
from delivery.services.tallies import Tally
from delivery.tasks import deliver, sync_lists
from spaces import audit
from spaces.models import Space, User

AT_ONCE = 10_000

PICK = f"""
SELECT l.id FROM delivery_log l JOIN delivery_connection c ON c.id = l.connection_id
WHERE l.space_id = %s AND {DEAD} AND l.profile_id <> {ERASED} AND c.removed_at IS NULL
  AND (%s::bigint[] IS NULL OR l.id = ANY(%s)) AND (%s::bigint IS NULL OR l.connection_id = %s)
ORDER BY l.id LIMIT %s FOR UPDATE OF l
"""  # noqa: S608 - a constant of this project
# Due one after the other, `pause` seconds apart; those of a paused connection wait for it.
BACK_TO_OUTBOX = f"""
INSERT INTO delivery (space_id, id, destination_id, connection_id, profile_id, message_id, kind, event, payload,
    created_at, next_attempt_at, attempts, last_error)
SELECT l.space_id, l.id, l.destination_id, l.connection_id, l.profile_id, l.message_id, l.kind, l.event, l.payload,
    l.created_at,
    CASE WHEN c.is_enabled
        THEN %(start)s + make_interval(secs => (row_number() OVER (ORDER BY l.id) - 1) * %(pause)s)
        ELSE '9999-01-01 00:00:00+00'::timestamptz END,
    l.attempts, l.detail
FROM delivery_log l JOIN delivery_connection c ON c.id = l.connection_id
WHERE l.space_id = %(space)s AND l.id = ANY(%(ids)s::bigint[]) AND {DEAD} AND l.entry IS NULL
RETURNING id
"""  # noqa: S608
# An entry that has changed since has a newer change pending, which decides.
BACK_TO_LIST = f"""
INSERT INTO list_change (space_id, connection_id, profile_id, id_type, id_value, id, is_add, message_id, payload,
    changed_at, attempts, next_attempt_at)
SELECT l.space_id, l.connection_id, l.profile_id, l.entry::json ->> 0, l.entry::json ->> 1, l.id, l.kind = 'add',
    l.message_id, l.payload, l.created_at, l.attempts, %(start)s
FROM delivery_log l
WHERE l.space_id = %(space)s AND l.id = ANY(%(ids)s::bigint[]) AND {DEAD} AND l.entry IS NOT NULL
ON CONFLICT DO NOTHING RETURNING id
"""  # noqa: S608
FORGET = f"""
DELETE FROM delivery_log l WHERE l.space_id = %(space)s AND l.id = ANY(%(ids)s::bigint[]) AND {DEAD}
RETURNING l.id, l.message_id, l.connection_id, l.destination_id, l.outcome, coalesce(l.reason, ''), l.finished_at,
    l.created_at, l.kind, coalesce(l.event, ''), coalesce(l.mappings, '')
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A dead letter that is in the outbox again, and how it was entered in the books."""

    id: int
    message_id: str
    connection_id: int
    destination_id: int
    outcome: str
    reason: str
    finished_at: datetime
    created_at: datetime
    kind: str
    event: str
    mappings: str


@transaction.atomic
def replay(
    *, space: Space, actor: User | None, call_ids: Sequence[int] | None = None, connection: Connection | None = None
) -> int:
    """Queue failed calls again: these, those of a connection, or all of the space; at most 10,000. Returns how many.

    They keep their ids, message ids and attempts, and get 4 new hours. What is not a dead letter of a connection that
    still exists is passed over, so replaying twice sends once.
    """
    ids = list(call_ids) if call_ids is not None else None
    wanted = connection.pk if connection is not None else None
    with database.cursor() as cursor:
        cursor.execute(PICK, [space.pk, ids, ids, wanted, wanted, AT_ONCE])
        picked = [row[0] for row in cursor.fetchall()]
    handed = hand_over(space=space, call_ids=picked, start=timezone.now())
    for connection_id, calls in Counter(one.connection_id for one in handed).items():
        target = Connection.objects.select_related("destination").get(pk=connection_id)
        audit.record(space=space, actor=actor, action="delivery.replayed", target=target, after={"calls": calls})
    return len(handed)


def hand_over(
    *, space: Space, call_ids: Sequence[int], start: datetime, seconds_apart: float = 0.0
) -> list[HandedOver]:
    """Move dead letters from the log to the outbox, due from `start` on, in the caller's transaction.

    Ids that are no dead letters (any more) are passed over.
    """
    if not call_ids:
        return []
    params: dict[str, Any] = {"space": space.pk, "ids": bigint_array(call_ids), "start": start, "pause": seconds_apart}
    with database.cursor() as cursor:
        cursor.execute(BACK_TO_OUTBOX, params)
        queued = [row[0] for row in cursor.fetchall()]
        cursor.execute(BACK_TO_LIST, params)
        listed = [row[0] for row in cursor.fetchall()]
        cursor.execute(FORGET, params | {"ids": bigint_array([*queued, *listed])})
        handed = [HandedOver(*row) for row in cursor.fetchall()]
    _take_back(space, handed)
    if queued:
        enqueue(deliver)
    if listed:
        enqueue(sync_lists)
    return sorted(handed, key=lambda one: one.id)


def _take_back(space: Space, handed: Sequence[HandedOver]) -> None:
    """They are no longer failed: taken out of the books where they were entered."""
    by_bucket: dict[datetime, Counter[tuple[int, int, str, str]]] = {}
    for one in handed:
        bucket = by_bucket.setdefault(counters.bucket_of(one.finished_at), Counter())
        bucket[one.connection_id, one.destination_id, one.outcome, one.reason] += 1
    for bucket_start in sorted(by_bucket):
        counters.add(
            [
                Count(
                    space_id=space.pk,
                    connection_id=connection_id,
                    destination_id=destination_id,
                    outcome=outcome,
                    reason=reason,
                    calls=-calls,
                )
                for (connection_id, destination_id, outcome, reason), calls in by_bucket[bucket_start].items()
            ],
            now=bucket_start,
        )
    tallies.add(
        taken
        for one in handed
        for taken in tallies.with_mappings(
            Tally(
                space_id=space.pk,
                destination_id=one.destination_id,
                connection_id=one.connection_id,
                created_at=one.created_at,
                outcome=one.outcome,
                reason=one.reason,
                kind=one.kind,
                event=one.event,
                calls=-1,
            ),
            one.mappings,
        )
    )
