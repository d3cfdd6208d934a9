"""What a person may do with one call: try it now, or cancel it while it waits."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from common.errors import ConflictError
from common.tasks import enqueue
from delivery.models import Connection, Outcome
from delivery.selectors.calls import WAITING, CallRow
from delivery.selectors.dead_letters import DESTINATION_DISABLED, why_not
from delivery.selectors.list_runs import in_run
from delivery.services import counters, tallies
from delivery.services.counters import Count
from delivery.services.replay import replay
from delivery.services.tallies import Tally
from delivery.tasks import deliver, sync_lists
from spaces import audit
from spaces.models import Space, User

CANCELLED = "CANCELED_BY_USER"
CANCELLED_DETAIL = "{name} canceled this call before it was sent."
GONE = "This call is not waiting any more. Reload the page to see what became of it."

HURRY = """
UPDATE delivery SET next_attempt_at = %s
WHERE space_id = %s AND profile_id = %s AND id = %s AND (lease_until IS NULL OR lease_until < %s)
"""
HURRY_ENTRY = f"""
UPDATE list_change c SET next_attempt_at = %s
WHERE c.space_id = %s AND c.connection_id = %s AND c.id = %s AND c.attempts > 0 AND NOT {in_run("c")}
"""  # noqa: S608 - constants of this project
CANCEL = """
WITH gone AS (
    DELETE FROM delivery WHERE space_id = %s AND profile_id = %s AND id = %s
    AND (lease_until IS NULL OR lease_until < %s) RETURNING *
)
INSERT INTO delivery_log (space_id, id, destination_id, connection_id, profile_id, message_id, kind, event, payload,
    created_at, finished_at, attempts, outcome, reason, detail)
SELECT space_id, id, destination_id, connection_id, profile_id, message_id, kind, event, payload, created_at, %s,
    attempts, 'superseded', %s, %s FROM gone RETURNING kind, coalesce(event, ''), created_at
"""
CANCEL_ENTRY = f"""
WITH gone AS (
    DELETE FROM list_change c WHERE c.space_id = %s AND c.connection_id = %s AND c.id = %s AND NOT {in_run("c")}
    RETURNING *
)
INSERT INTO delivery_log (space_id, id, destination_id, connection_id, profile_id, message_id, kind, payload,
    created_at, finished_at, attempts, outcome, reason, detail, entry)
SELECT space_id, id, %s, connection_id, profile_id, message_id, CASE WHEN is_add THEN 'add' ELSE 'remove' END, payload,
    changed_at, %s, attempts, 'superseded', %s, %s, json_build_array(id_type, id_value)::text
FROM gone RETURNING kind, '', created_at
"""  # noqa: S608


def is_dead(row: CallRow) -> bool:
    return row.status == Outcome.FAILED or row.reason == DESTINATION_DISABLED


def can_retry(row: CallRow) -> bool:
    """A dead letter, or a call that waits for its next attempt."""
    if is_dead(row):
        return not why_not(row.connection)
    return row.status == WAITING and not row.is_held and (not row.is_entry or row.attempts > 0)


def can_cancel(row: CallRow) -> bool:
    return row.status == WAITING


@transaction.atomic
def retry_now(*, space: Space, row: CallRow, actor: User | None) -> str:
    """Try a call at once; returns the sentence to show. ConflictError when that cannot be done."""
    if is_dead(row):
        if why := why_not(row.connection):
            raise ConflictError(f"This call cannot be sent now: {why}.")
        if replay(space=space, actor=actor, call_ids=[row.id]):
            return "The call is queued again under its own message ID."
        raise ConflictError("Nothing to send: this call is not a dead letter any more.")
    connection = _connection(row)
    now = timezone.now()
    with database.cursor() as cursor:
        if row.is_entry:
            cursor.execute(HURRY_ENTRY, [now, space.pk, connection.pk, row.id])
        elif not row.is_held:
            cursor.execute(HURRY, [now, space.pk, row.profile_id, row.id, now])
        if row.is_held or not cursor.rowcount:
            raise ConflictError(GONE if not row.is_held else "The connection is paused. Switch it on first.")
    enqueue(sync_lists if row.is_entry else deliver)
    _record(space, actor, connection, "delivery.hurried", row)
    return "The next attempt is made now."


@transaction.atomic
def cancel(*, space: Space, row: CallRow, actor: User | None, now: datetime | None = None) -> None:
    """Take a waiting call out of the outbox; it is superseded. ConflictError when it is on its way or over."""
    connection = _connection(row)
    now = now or timezone.now()
    detail = CANCELLED_DETAIL.format(name=actor or "The product")
    said: list[Any] = [now, CANCELLED, detail]
    with database.cursor() as cursor:
        if row.is_entry:
            cursor.execute(CANCEL_ENTRY, [space.pk, connection.pk, row.id, connection.destination_id, *said])
        else:
            cursor.execute(CANCEL, [space.pk, row.profile_id, row.id, now, *said])
        found = cursor.fetchone()
    if found is None:
        raise ConflictError(GONE)
    kind, event, created_at = found
    counters.add([Count.of(connection, Outcome.SUPERSEDED, reason=CANCELLED)], now=now)
    tallies.add(
        [
            Tally.of(
                connection, Outcome.SUPERSEDED, created_at=created_at, reason=CANCELLED, kind=kind, event=event, calls=1
            )
        ]
    )
    _record(space, actor, connection, "delivery.canceled", row)


def _connection(row: CallRow) -> Connection:
    if row.status != WAITING or row.connection is None:
        raise ConflictError(GONE)
    return row.connection


def _record(space: Space, actor: User | None, connection: Connection, action: str, row: CallRow) -> None:
    audit.record(space=space, actor=actor, action=action, target=connection, after={"messageId": row.message_id})
