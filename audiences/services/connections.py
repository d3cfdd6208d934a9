"""Audience to destination: what the audience side knows when connecting (its key, its history setting)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from django.db import transaction

from audiences.models import Audience
from audiences.tasks import first_syncs
from common.errors import ConflictError
from common.tasks import enqueue
from delivery.models import Connection
from delivery.services import connections as delivery_connections
from delivery.services.connections import ComputationRef
from destinations.models import Destination
from profiles.models import USERS
from spaces.models import User


@dataclass(frozen=True, kw_only=True)
class ConnectionSpec:
    """What a person chooses when adding a destination to an audience.

    `send_track` None: on for users, off for accounts, of which most tools want Identify (F159).
    """

    destination: Destination
    send_identify: bool = True
    send_track: bool | None = None
    send_group: bool = False
    send_mobile_ids: bool = False
    enter_event: str = "Audience Entered"
    exit_event: str = "Audience Exited"
    settings: dict[str, Any] = field(default_factory=dict)
    value_format: str = Connection.ValueFormat.BOOLEAN
    include_audience_key: bool = True
    setup: str = Connection.Setup.DEFAULT
    trait_mappings: Sequence[dict[str, str]] = ()
    identifier_mappings: Sequence[dict[str, str]] = ()

    def values(self, *, collection: int = USERS) -> dict[str, Any]:
        """What `delivery.services.connections.connect` takes of it."""
        found = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "destination"}
        if self.send_track is None:
            found["send_track"] = collection == USERS
        return found


def computation_ref(audience: Audience) -> ComputationRef:
    return ComputationRef(
        computation_class="audience",
        computation_id=audience.public_id,
        key=audience.key,
        name=audience.name,
        collection=audience.collection,
        include_anonymous=audience.include_anonymous,
    )


@transaction.atomic
def connect(*, audience: Audience, spec: ConnectionSpec, connected_by: User | None) -> Connection:
    """Connect and start the first sync: all current members when the audience includes history (C4, F145).

    Raises what `delivery.services.connections.connect` raises; ConflictError for a deleted audience.
    """
    if audience.deleted_at is not None:
        raise ConflictError("This audience was deleted.")
    connection = delivery_connections.connect(
        space=audience.space,
        computation=computation_ref(audience),
        destination=spec.destination,
        **spec.values(collection=audience.collection),
        first_sync=audience.include_historical,
        actor=connected_by,
    )
    enqueue(first_syncs)
    return connection


def live_connections(audience: Audience) -> list[Connection]:
    return list(
        Connection.objects.in_space(audience.space)
        .filter(computation_id=audience.public_id, removed_at=None)
        .select_related("destination", "destination__always_sent")
        .order_by("id")
    )


@transaction.atomic
def remove_all(*, audience: Audience, removed_by: User | None) -> None:
    for connection in live_connections(audience):
        delivery_connections.remove(connection=connection, actor=removed_by)
