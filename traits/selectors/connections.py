"""The destinations table of a trait (destinations-and-sync.md §9): event destinations only (F065)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from audiences.models import ComputeStatus
from audiences.selectors.connections import RUN_STATUS, ConnectionRow
from delivery.models import Connection, FirstSync
from delivery.selectors.books import Books, books_of, connection_status
from delivery.services.attachments import space_refusals
from delivery.services.samples import sample_calls
from destinations import catalog
from destinations.kit.definition import DestinationDefinition
from destinations.models import Destination
from destinations.selectors import matching_mappings
from profiles.models import ACCOUNTS
from spaces.models import Space
from traits.models import Trait
from traits.services.connections import live_connections


def connection_rows(trait: Trait) -> list[ConnectionRow]:
    """All destinations of the trait, oldest connection first."""
    connections = live_connections(trait)
    runs: dict[int, FirstSync] = {}
    for run in FirstSync.objects.filter(connection__in=connections).order_by("id"):
        runs[run.connection_id] = run
    books = books_of(connections)
    return [_row(trait, connection, runs.get(connection.pk), books[connection.pk]) for connection in connections]


def connection_row(trait: Trait, connection: Connection) -> ConnectionRow:
    run = connection.first_syncs.order_by("-id").first()
    return _row(trait, connection, run, books_of([connection])[connection.pk])


def _row(trait: Trait, connection: Connection, run: FirstSync | None, books: Books) -> ConnectionRow:
    destination = connection.destination
    return ConnectionRow(
        connection=connection,
        definition=catalog.definition(destination.connector),
        matching=matching_mappings(destination, sample_calls(trait.space, connection)),
        destination_status=connection_status(connection, is_computed=trait.is_enabled),
        sync_status=_sync_status(trait, connection, run),
        first_sync=run,
        books=books,
    )


def _sync_status(trait: Trait, connection: Connection, run: FirstSync | None) -> str:
    """F156, F157: the compute status between trait and destination, one of the six names."""
    if trait.status == ComputeStatus.FAILED:
        return ComputeStatus.FAILED
    if not trait.is_enabled:
        return ComputeStatus.DISABLED
    if not connection.is_enabled or not connection.destination.is_enabled:
        return ComputeStatus.NOT_COMPUTING
    if trait.status == ComputeStatus.LIVE and run is not None:
        return RUN_STATUS.get(FirstSync.State(run.state), ComputeStatus.LIVE)
    return ComputeStatus(trait.status)


def connectable(trait: Trait) -> list[Destination]:
    """Event destinations of the space that this trait is not connected to yet, by name."""
    taken = [connection.destination_id for connection in live_connections(trait)]
    rows = Destination.objects.in_space(trait.space).filter(deleted_at=None).exclude(pk__in=taken).order_by("name")
    return [row for row in rows if is_event_type(row) and _takes(row, trait)]


def _takes(destination: Destination, trait: Trait) -> bool:
    definition = catalog.definition(destination.connector)
    return definition is not None and definition.is_selectable(is_of_accounts=trait.collection == ACCOUNTS)


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A destination to choose; or `refusal` says why it cannot be chosen."""

    destination: Destination
    definition: DestinationDefinition
    refusal: str


def offers(destinations: Sequence[Destination]) -> list[Offer]:
    refused = space_refusals(destinations)
    return [
        Offer(destination=destination, definition=definition, refusal=refused.get(destination.pk, ""))
        for destination in destinations
        if (definition := catalog.definition(destination.connector)) is not None
    ]


def event_destinations(space: Space) -> list[Destination]:
    """Event destinations of the space by name: a trait is no list (F065)."""
    rows = Destination.objects.in_space(space).filter(deleted_at=None).order_by("name")
    return [row for row in rows if is_event_type(row)]


def is_event_type(destination: Destination) -> bool:
    definition = catalog.definition(destination.connector)
    return definition is not None and definition.kind == "event"
