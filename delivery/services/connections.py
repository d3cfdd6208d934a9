"""Connecting computations to destinations, and everything a person may change about a connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from common.errors import ConflictError, FieldError, ProductError
from common.tasks import enqueue
from delivery.models import HELD, Connection, Delivery, ListSync, Outcome
from delivery.services import activation, counters, engage_sources, tallies
from delivery.services import first_sync as first_syncs
from delivery.services.connection_rules import connection_problems
from delivery.services.counters import Count
from delivery.services.tallies import Tally
from delivery.tasks import deliver
from destinations.models import Destination
from spaces import audit
from spaces.models import Space, User, Workspace

REMOVED = "CONNECTION_REMOVED"
REMOVED_DETAIL = "The destination was removed from the computation before this call was sent."
AS_IS = "A source sends its events as they come. Pause the connection, or filter at the destination."
UPDATABLE = (
    "send_identify",
    "send_track",
    "send_group",
    "send_mobile_ids",
    "enter_event",
    "exit_event",
    "settings",
    "value_format",
    "include_audience_key",
    "setup",
    "trait_mappings",
    "identifier_mappings",
)


class ConnectionNotValidError(ProductError):
    """The connection cannot be made or changed like this; `errors` names the fields."""

    code: ClassVar[str] = "invalid"


@dataclass(frozen=True, kw_only=True)
class ComputationRef:
    """The computation to connect, as apps above know it. `computation_id` is `aud_…` or `tra_…`.

    `columns` are those of a SQL trait, each a trait in its calls.
    """

    computation_class: str
    computation_id: str
    key: str
    name: str
    collection: int = 0
    include_anonymous: bool = False
    columns: tuple[str, ...] = ()


@transaction.atomic
def connect(
    *,
    space: Space,
    computation: ComputationRef,
    destination: Destination,
    send_identify: bool = True,
    send_track: bool = True,
    send_group: bool = False,
    send_mobile_ids: bool = False,
    enter_event: str = "Audience Entered",
    exit_event: str = "Audience Exited",
    settings: dict[str, Any] | None = None,
    value_format: str = Connection.ValueFormat.BOOLEAN,
    include_audience_key: bool = True,
    setup: str = Connection.Setup.DEFAULT,
    trait_mappings: Sequence[dict[str, str]] = (),
    identifier_mappings: Sequence[dict[str, str]] = (),
    first_sync: bool = True,
    actor: User | None,
) -> Connection:
    """Connect; with `first_sync`, all current members are queued by a run that starts at once (F074, F145).

    Refused with ConnectionNotValidError: a trait to a list destination (F077), no call chosen, names that are empty or
    equal, mappings that `activation` finds wrong. ConflictError: already connected, or the destination was deleted, or
    is of another space.
    """
    locked = Destination.objects.select_for_update(no_key=True).filter(pk=destination.pk, deleted_at=None).first()
    if locked is None or locked.space_id != space.pk:
        raise ConflictError("This destination was deleted. Choose another one.")
    connection = Connection(
        space=space,
        destination=locked,
        computation_class=computation.computation_class,
        computation_id=computation.computation_id,
        computation_key=computation.key,
        computation_name=computation.name,
        computation_columns=list(computation.columns),
        collection=computation.collection,
        include_anonymous=computation.include_anonymous,
        send_identify=send_identify,
        send_track=send_track,
        send_group=send_group,
        send_mobile_ids=send_mobile_ids,
        enter_event=enter_event.strip(),
        exit_event=exit_event.strip(),
        settings=settings or {},
        value_format=value_format,
        include_audience_key=include_audience_key,
        setup=setup,
        trait_mappings=activation.cleaned(list(trait_mappings)),
        identifier_mappings=activation.cleaned(list(identifier_mappings)),
        created_by=actor,
    )
    _validate(connection)
    if Connection.objects.filter(
        computation_id=computation.computation_id, destination=locked, removed_at=None
    ).exists():
        raise ConflictError(f"{locked.name} is already connected to {computation.name}.")
    connection.save()
    engage_sources.place(space)
    if first_sync:
        first_syncs.request(connection)
    audit.record(space=space, actor=actor, action="connection.created", target=connection, after=state(connection))
    return connection


@transaction.atomic
def update(*, connection: Connection, actor: User | None, **changes: Any) -> Connection:
    """Change UPDATABLE fields; they reach the calls queued from now on. TypeError for a field that is not one."""
    if unknown := set(changes) - set(UPDATABLE):
        raise TypeError(f"not changeable: {sorted(unknown)}")
    locked = lock_connection(connection)
    if locked.is_direct:
        raise ConnectionNotValidError(
            AS_IS, [FieldError(path=f"/{name}", code="unsupported", detail=AS_IS) for name in changes]
        )
    before = state(locked)
    for name, value in changes.items():
        setattr(locked, name, _cleaned(name, value))
    _validate(locked)
    locked.save(update_fields=[*changes, "updated_at"])
    audit.record(
        space=locked.space, actor=actor, action="connection.updated", target=locked, before=before, after=state(locked)
    )
    return locked


@transaction.atomic
def set_enabled(*, connection: Connection, is_enabled: bool, actor: User | None) -> Connection:
    """The *Connect to destination* toggle.

    Off: nothing is sent or queued, waiting calls are held back. On: they go out, and a run over all members sends what
    changed meanwhile; events of a source that came meanwhile are not sent.
    """
    locked = lock_connection(connection)
    if locked.is_enabled is is_enabled:
        return locked
    locked.is_enabled = is_enabled
    locked.save(update_fields=["is_enabled", "updated_at"])
    waiting = Delivery.objects.filter(
        space_id=locked.space_id, destination_id=locked.destination_id, connection_id=locked.pk
    )
    if is_enabled:
        waiting.filter(next_attempt_at=HELD).update(next_attempt_at=timezone.now())
        if not locked.is_direct:
            first_syncs.request(locked)
        enqueue(deliver)
    else:
        waiting.update(next_attempt_at=HELD)
    audit.record(
        space=locked.space,
        actor=actor,
        action="connection.enabled" if is_enabled else "connection.paused",
        target=locked,
        before={"is_enabled": not is_enabled},
        after={"is_enabled": is_enabled},
    )
    return locked


@transaction.atomic
def resync(*, connection: Connection, actor: User | None) -> Connection:
    """Start a run that sends every current member whom this connection has not sent yet, and missed exits.

    ConflictError: the connection is paused, or another resync of the workspace is under way (§6).
    """
    Workspace.objects.select_for_update(no_key=True).get(pk=connection.space.workspace_id)
    locked = lock_connection(connection)
    if refusal := resync_refusal(locked):
        raise ConflictError(refusal)
    first_syncs.request(locked, is_resync=True)
    audit.record(space=locked.space, actor=actor, action="connection.resynced", target=locked)
    return locked


def resync_refusal(connection: Connection) -> str:
    """Why it cannot be resynced now, "" when it can."""
    if connection.is_direct:
        return "A source sends its events as they come: there are no members to send again."
    if not connection.is_enabled:
        return "This connection is paused. Switch it on first."
    running = first_syncs.running_resync(connection.space)
    if running is not None:
        return (
            f"{running.connection} is being resynced, and one resync of a workspace runs at a time. "
            "Try again when it is done."
        )
    return ""


@transaction.atomic
def remove(*, connection: Connection, actor: User | None) -> None:
    """Remove the destination from the computation. What waits is superseded; what is in flight ends as it ends."""
    locked = lock_connection(connection)
    now = timezone.now()
    locked.removed_at = now
    locked.is_enabled = False
    locked.save(update_fields=["removed_at", "is_enabled", "updated_at"])
    first_syncs.cancel(locked)
    supersede_waiting(connection=locked, now=now)
    audit.record(space=locked.space, actor=actor, action="connection.removed", target=locked, before=state(locked))


def supersede_waiting(*, connection: Connection, now: datetime) -> int:
    """Move everything of a removed connection that is not in flight to the log; returns how much.

    The entries of a list that are on their way at this moment are superseded too: what the tool says is not kept.
    """
    with database.cursor() as cursor:
        cursor.execute(
            """
            WITH gone AS (
                DELETE FROM delivery WHERE space_id = %s AND destination_id = %s AND connection_id = %s
                AND (lease_until IS NULL OR lease_until < %s) RETURNING *
            ), logged AS (
                INSERT INTO delivery_log (space_id, id, destination_id, connection_id, profile_id, message_id, kind,
                    payload, created_at, finished_at, attempts, outcome, reason, detail, event)
                SELECT space_id, id, destination_id, connection_id, profile_id, message_id, kind, payload, created_at,
                    %s, attempts, 'superseded', %s, %s, event FROM gone
                RETURNING kind, event, created_at
            )
            SELECT kind, coalesce(event, ''), created_at, count(*) FROM logged GROUP BY 1, 2, 3
            """,
            [connection.space_id, connection.destination_id, connection.pk, now, now, REMOVED, REMOVED_DETAIL],
        )
        moved = cursor.fetchall()
        cursor.execute(
            """
            WITH gone AS (
                DELETE FROM list_change WHERE space_id = %s AND connection_id = %s RETURNING *
            ), logged AS (
                INSERT INTO delivery_log (space_id, id, destination_id, connection_id, profile_id, message_id, kind,
                    payload, created_at, finished_at, attempts, outcome, reason, detail)
                SELECT space_id, id, %s, connection_id, profile_id, message_id,
                    CASE WHEN is_add THEN 'add' ELSE 'remove' END, payload, changed_at, %s, attempts, 'superseded',
                    %s, %s
                FROM gone RETURNING kind, created_at
            )
            SELECT kind, '', created_at, count(*) FROM logged GROUP BY 1, 2, 3
            """,
            [connection.space_id, connection.pk, connection.destination_id, now, REMOVED, REMOVED_DETAIL],
        )
        moved += cursor.fetchall()
    tallies.add(
        Tally.of(
            connection,
            Outcome.SUPERSEDED,
            created_at=created_at,
            reason=REMOVED,
            kind=kind,
            event=event,
            calls=calls,
        )
        for kind, event, created_at, calls in moved
    )
    superseded = sum(int(row[3]) for row in moved)
    connection.list_syncs.filter(state=ListSync.State.RUNNING).update(
        state=ListSync.State.FAILED, error=REMOVED_DETAIL, finished_at=now
    )
    counters.add([Count.of(connection, Outcome.SUPERSEDED, reason=REMOVED, calls=superseded)], now=now)
    return superseded


def state(connection: Connection) -> dict[str, Any]:
    """What an audit entry says of a connection."""
    if connection.is_direct:
        return {"destination": connection.destination.name, "source": connection.computation_id}
    return {
        "destination": connection.destination.name,
        "computation": connection.computation_key,
        **{name: getattr(connection, name) for name in UPDATABLE},
    }


def lock_connection(connection: Connection) -> Connection:
    """The connection as it is now, locked for this transaction; ConflictError when it was removed."""
    locked: Connection = (
        Connection.objects.select_for_update(no_key=True, of=("self",))
        .select_related("destination", "space", "space__workspace")
        .get(pk=connection.pk)
    )
    if locked.removed_at is not None:
        raise ConflictError("This connection was removed.")
    return locked


def _cleaned(name: str, value: Any) -> Any:
    if name in {"enter_event", "exit_event"}:
        return value.strip()
    return activation.cleaned(value) if name in {activation.TRAITS, activation.IDENTIFIERS} else value


def _validate(connection: Connection) -> None:
    errors = connection_problems(connection)
    if errors:
        raise ConnectionNotValidError(" ".join(error.detail for error in errors), errors)
