"""The destinations table of an audience (destinations-and-sync.md §9, F150-F157)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from audiences.models import Audience, ComputeStatus
from audiences.services.connections import live_connections
from delivery.models import Connection, FirstSync
from delivery.selectors.books import Books, books_of, connection_status
from delivery.selectors.resync import Estimate, resync_estimate
from delivery.selectors.sync_progress import SyncProgress, sync_progress
from delivery.services.samples import sample_calls
from destinations import catalog
from destinations.kit.definition import DestinationDefinition
from destinations.models import Destination
from destinations.selectors import MatchingMappings, matching_mappings
from profiles.models import ACCOUNTS

RUN_STATUS = {
    FirstSync.State.WAITING: ComputeStatus.PREPARING,
    FirstSync.State.RUNNING: ComputeStatus.COMPUTING,
    FirstSync.State.FAILED: ComputeStatus.FAILED,
}

MEMBERS = "SELECT profile_id FROM membership WHERE space_id = %(space)s AND audience_id = %(audience)s AND is_member"
# What is sent of accounts is sent of their users (F070, F143).
USERS_OF_MEMBERS = (
    "SELECT DISTINCT l.profile_id FROM membership m JOIN account_link l ON l.space_id = m.space_id "
    "AND l.account_id = m.profile_id WHERE m.space_id = %(space)s AND m.audience_id = %(audience)s AND m.is_member"
)


@dataclass(frozen=True, kw_only=True)
class ConnectionRow:
    """One row of the table."""

    connection: Connection
    definition: DestinationDefinition | None
    matching: MatchingMappings
    destination_status: str
    sync_status: str
    first_sync: FirstSync | None
    books: Books
    progress: SyncProgress | None = None

    @property
    def is_list(self) -> bool:
        return self.definition is not None and self.definition.kind == "list"

    @property
    def first_sync_percent(self) -> int | None:
        """How far an open first sync is; None when none is open, or when it rests because something is off."""
        run = self.first_sync
        if run is None or run.state not in {FirstSync.State.WAITING, FirstSync.State.RUNNING}:
            return None
        if self.sync_status not in {ComputeStatus.PREPARING, ComputeStatus.COMPUTING}:
            return None
        return min(99, run.profiles_done * 100 // run.profiles_total) if run.profiles_total else 0


def connection_rows(audience: Audience) -> list[ConnectionRow]:
    """All destinations of the audience, oldest connection first."""
    connections = live_connections(audience)
    runs: dict[int, FirstSync] = {}
    for run in FirstSync.objects.filter(connection__in=connections).order_by("id"):
        runs[run.connection_id] = run
    books = books_of(connections)
    return [_row(audience, connection, runs.get(connection.pk), books[connection.pk]) for connection in connections]


def connection_row(audience: Audience, connection: Connection) -> ConnectionRow:
    run = connection.first_syncs.order_by("-id").first()
    return _row(audience, connection, run, books_of([connection])[connection.pk])


def _row(audience: Audience, connection: Connection, run: FirstSync | None, books: Books) -> ConnectionRow:
    destination = connection.destination
    return ConnectionRow(
        connection=connection,
        definition=catalog.definition(destination.connector),
        matching=matching_mappings(destination, sample_calls(audience.space, connection)),
        destination_status=connection_status(connection, is_computed=audience.is_enabled),
        sync_status=sync_status(audience, connection, run),
        first_sync=run,
        books=books,
        progress=sync_progress(connection, run, books),
    )


def sync_status(audience: Audience, connection: Connection, run: FirstSync | None) -> str:
    """F156, F157: the compute status between audience and destination, one of the six names."""
    if audience.status == ComputeStatus.FAILED:
        return ComputeStatus.FAILED
    if not audience.is_enabled:
        return ComputeStatus.DISABLED
    if not connection.is_enabled or not connection.destination.is_enabled:
        return ComputeStatus.NOT_COMPUTING
    if audience.status == ComputeStatus.LIVE and run is not None:
        return RUN_STATUS.get(FirstSync.State(run.state), ComputeStatus.LIVE)
    return ComputeStatus(audience.status)


def connectable(audience: Audience) -> list[Destination]:
    """Destinations of the space that take the calls of this audience and that it is not connected to yet, by name."""
    taken = [connection.destination_id for connection in live_connections(audience)]
    rows = Destination.objects.in_space(audience.space).filter(deleted_at=None).exclude(pk__in=taken)
    is_of_accounts = audience.collection == ACCOUNTS
    return [row for row in rows.order_by("name") if _is_selectable(row, is_of_accounts=is_of_accounts)]


def _is_selectable(destination: Destination, *, is_of_accounts: bool) -> bool:
    definition = catalog.definition(destination.connector)
    return definition is not None and definition.is_selectable(is_of_accounts=is_of_accounts)


def estimated_resync(audience: Audience, connection: Connection) -> Estimate | None:
    """How much a resync would send now; None when counting takes too long."""
    return resync_estimate(connection, members=_members_of(audience.collection), params={"audience": audience.pk})


def members_query(connection: Connection) -> tuple[str, dict[str, Any]] | None:
    """Who is in the audience of a connection (settings.COMPUTATION_MEMBERS); None when it is not of an audience."""
    found = Audience.objects.filter(
        space_id=connection.space_id, public_id=connection.computation_id, deleted_at=None
    ).values_list("pk", "collection")
    return (_members_of(found[0][1]), {"audience": found[0][0]}) if found else None


def _members_of(collection: int) -> str:
    return USERS_OF_MEMBERS if collection == ACCOUNTS else MEMBERS
