from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction

from common.errors import ConflictError
from delivery.models import Connection, FirstSync
from delivery.services import connections, first_sync
from delivery.services.connections import ComputationRef, ConnectionNotValidError
from delivery.tests.builders import make_destination
from spaces.models import AuditEntry, Space, User


def computation(kind: str = "audience") -> ComputationRef:
    return ComputationRef(computation_class=kind, computation_id="aud_1", key="buyers", name="Buyers")


def connect(space: Space, actor: User | None = None, **options: Any) -> Connection:
    options.setdefault("destination", make_destination(space=space))
    options.setdefault("computation", computation())
    return connections.connect(space=space, actor=actor, **options)


def test_connecting_starts_a_first_sync_and_leaves_an_audit_entry(space: Space, owner: User) -> None:
    connection = connect(space, owner)

    assert [run.connection for run in first_sync.open_runs()] == [connection]
    [entry] = AuditEntry.objects.filter(action="connection.created", actor=owner)
    assert entry.object_name.startswith("Buyers")


def test_without_history_there_is_no_first_sync(space: Space) -> None:
    connect(space, first_sync=False)

    assert FirstSync.objects.count() == 0


def test_trait_to_a_list_is_refused(space: Space) -> None:
    """F077."""
    destination = make_destination(space=space, connector="webhook_list")

    with pytest.raises(ConnectionNotValidError) as caught:
        connect(space, destination=destination, computation=computation("trait"))

    assert [error.code for error in caught.value.errors] == ["trait_to_list"]
    assert Connection.objects.count() == 0


def test_all_problems_are_named_at_their_fields(space: Space) -> None:
    with pytest.raises(ConnectionNotValidError) as caught:
        connect(space, send_identify=False, send_track=False, enter_event=" ", exit_event="x" * 300)

    assert [error.path for error in caught.value.errors] == ["/send_track", "/enter_event", "/exit_event"]


def test_second_connection_to_a_destination_is_refused(space: Space) -> None:
    destination = make_destination(space=space)
    connect(space, destination=destination)

    with pytest.raises(ConflictError):
        connect(space, destination=destination)

    assert Connection.objects.count() == 1


def test_removed_destination_can_be_connected_again(space: Space) -> None:
    destination = make_destination(space=space)
    connections.remove(connection=connect(space, destination=destination), actor=None)

    connect(space, destination=destination)

    assert Connection.objects.filter(removed_at=None).count() == 1
    assert sorted(FirstSync.objects.values_list("state", flat=True)) == ["cancelled", "waiting"]


def test_first_sync_moves_through_its_states(space: Space) -> None:
    connect(space)
    [run] = first_sync.open_runs()
    locked = first_sync.lock(run)
    assert locked is not None

    first_sync.begin(locked, profiles_total=10)
    first_sync.advance(locked, 77, 4)
    first_sync.finish(locked)

    assert FirstSync.objects.values_list("state", "next_profile_id", "profiles_done", "profiles_total").get() == (
        "done",
        77,
        4,
        4,
    )
    assert first_sync.lock(run) is None


@pytest.mark.django_db(transaction=True)
def test_changing_a_connection_lets_rows_that_refer_to_it_be_written(space: Space, owner: User) -> None:
    """A worker that commits deliveries takes a key share of the connection; waiting for it ended in deadlocks."""
    connection = connect(space, owner)

    def share() -> tuple[int]:
        with database.cursor() as cursor:
            cursor.execute("SELECT 1 FROM delivery_connection WHERE id = %s FOR KEY SHARE NOWAIT", [connection.pk])
            found: tuple[int] = cursor.fetchone()
        database.close()
        return found

    with transaction.atomic(), ThreadPoolExecutor(1) as other:
        connections.resync(connection=connection, actor=owner)
        shared = other.submit(share).result()

    assert shared == (1,)
