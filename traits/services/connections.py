"""Trait to destination: event destinations only, as Identify or as Track (destinations-and-sync.md §3.1)."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from django.db import transaction

from common.errors import ConflictError
from common.tasks import enqueue
from delivery.models import Connection
from delivery.services import connections as delivery_connections
from delivery.services.connections import ComputationRef
from destinations.models import Destination
from engine.payloads import TRAIT_EVENT
from spaces.models import User
from traits.models import Trait
from traits.services.sql_columns import columns_of
from traits.tasks import first_syncs


@dataclass(frozen=True, kw_only=True)
class ConnectionSpec:
    """What a person chooses when adding a destination to a trait. `event_name` is the Track call's (F087)."""

    destination: Destination
    send_identify: bool = True
    send_track: bool = False
    send_group: bool = False
    send_mobile_ids: bool = False
    event_name: str = TRAIT_EVENT
    settings: dict[str, Any] = field(default_factory=dict)
    setup: str = Connection.Setup.DEFAULT
    trait_mappings: list[dict[str, str]] = field(default_factory=list)
    identifier_mappings: list[dict[str, str]] = field(default_factory=list)

    def values(self) -> dict[str, Any]:
        """What `delivery.services.connections.connect` takes of it."""
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        del given["destination"]
        return given | {"enter_event": given.pop("event_name")}


def computation_ref(trait: Trait) -> ComputationRef:
    return ComputationRef(
        computation_class="trait",
        computation_id=trait.public_id,
        key=trait.key,
        name=trait.name,
        collection=trait.collection,
        columns=tuple(columns_of(trait)),
    )


@transaction.atomic
def connect(*, trait: Trait, spec: ConnectionSpec, connected_by: User | None) -> Connection:
    """Connect and start the first sync: every value there is, when the trait includes history.

    Raises what `delivery.services.connections.connect` raises, a list destination among it (F065); ConflictError for a
    deleted trait.
    """
    if trait.deleted_at is not None:
        raise ConflictError("This trait was deleted.")
    connection = delivery_connections.connect(
        space=trait.space,
        computation=computation_ref(trait),
        destination=spec.destination,
        **spec.values(),
        first_sync=trait.include_historical,
        actor=connected_by,
    )
    enqueue(first_syncs)
    return connection


def live_connections(trait: Trait) -> list[Connection]:
    return list(
        Connection.objects.in_space(trait.space)
        .filter(computation_id=trait.public_id, removed_at=None)
        .select_related("destination", "destination__always_sent")
        .order_by("id")
    )


@transaction.atomic
def remove_all(*, trait: Trait, removed_by: User | None) -> None:
    for connection in live_connections(trait):
        delivery_connections.remove(connection=connection, actor=removed_by)
