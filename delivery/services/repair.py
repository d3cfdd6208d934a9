"""Repair of a list: exactly the entries on which the destination and the membership differ are sent again.

Asking sets `Connection.repair_asked_at`; the list task does the work in slices, so that it survives a kill. What was
queued by an earlier slice waits to be sent and is no difference any more.
"""

from __future__ import annotations

import time

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from common.errors import ConflictError
from common.locks import LockClass
from common.tasks import enqueue
from delivery.models import Connection
from delivery.selectors.drift import Drift, difference, drift_of
from delivery.services import first_sync
from delivery.services.calls import connector_of
from delivery.services.connections import lock_connection
from delivery.services.emit import Change, emit_changes
from delivery.tasks import sync_lists
from spaces import audit
from spaces.models import User

SLICE_PEOPLE = 2_000


@transaction.atomic
def repair(*, connection: Connection, actor: User | None) -> Drift | None:
    """Have the difference sent with the next sync; returns what it is now (None: too much to count in a moment).

    ConflictError: not a list, paused, its first sync is still under way, or there is nothing to repair.
    """
    locked = lock_connection(connection)
    if refusal := repair_refusal(locked):
        raise ConflictError(refusal)
    found = drift_of(locked)
    if found is not None and found.is_none:
        raise ConflictError("Nothing has to be repaired: the destination acknowledged exactly the members.")
    locked.repair_asked_at = timezone.now()
    locked.save(update_fields=["repair_asked_at", "updated_at"])
    after = {} if found is None else {"adds": found.missing, "removes": found.extra}
    audit.record(space=locked.space, actor=actor, action="connection.repaired", target=locked, after=after)
    enqueue(sync_lists)
    return found


def repair_refusal(connection: Connection) -> str:
    """Why it cannot be repaired now, "" when it can."""
    if connector_of(connection.destination).kind != "list":
        return "Only lists can be repaired. Use Resync for this destination."
    if not connection.is_enabled:
        return "This connection is paused. Switch it on first."
    if not connection.destination.is_enabled:
        return "The destination is disabled. Enable it first."
    if connection.first_syncs.filter(state__in=first_sync.OPEN).exists():
        return "Members are still being collected for the first sync. Repair when that is done."
    if connection.repair_asked_at is not None:
        return "A repair is already under way."
    return ""


def repair_asked(*, deadline: float) -> None:
    """Work off the repairs that were asked for, until they are done or the time is over."""
    asked = Connection.objects.filter(
        repair_asked_at__isnull=False, removed_at=None, is_enabled=True, destination__is_enabled=True
    )
    for pk in list(asked.order_by("repair_asked_at").values_list("pk", flat=True)):
        while time.monotonic() < deadline and repair_slice(connection_id=pk):
            pass


@transaction.atomic
def repair_slice(*, connection_id: int, people: int = SLICE_PEOPLE) -> bool:
    """Queue the next entries; False when nothing is left or somebody else is at it."""
    connection = (
        Connection.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
        .select_related("destination", "space")
        .filter(pk=connection_id, repair_asked_at__isnull=False, removed_at=None)
        .first()
    )
    if connection is None:
        return False
    with database.cursor() as cursor:
        # Changes of membership that are being emitted come first: what is read below knows of them.
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LockClass.EMISSION, connection.pk])
    queued = 0
    for value in (True, False):
        only = difference(connection, "missing" if value else "extra", limit=people)
        queued += len(only)
        emit_changes(
            space=connection.space,
            computation_id=connection.computation_id,
            changes=[Change(profile_id=profile_id, value=value) for profile_id in only],
            now=timezone.now(),
            connections=[connection],
            only=only,
            part="users",
        )
    if not queued:
        connection.repair_asked_at = None
        connection.save(update_fields=["repair_asked_at", "updated_at"])
    return bool(queued)
