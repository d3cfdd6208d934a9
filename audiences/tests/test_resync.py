"""Resync: what it would send is said first, and it sends just that; one of a workspace at a time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from audiences.models import Membership
from audiences.selectors.connections import estimated_resync
from audiences.services import audiences as services
from audiences.services.backfill import claim_run, work
from audiences.services.connections import ConnectionSpec, connect
from audiences.services.first_syncs import open_runs, sync_slice
from common.errors import ConflictError
from delivery.models import Connection, Delivery, ListChange
from delivery.services import connections as delivery_connections
from delivery.tests.builders import make_destination
from tests import factories

pytestmark = pytest.mark.django_db

ORDERED = {"version": 1, "collection": "users", "where": {"event": "Order Completed"}}
PEOPLE = [
    [("user_id", "U1"), ("email", "a@x.com"), ("email", "b@x.com"), ("crm_id", "C1")],
    [("user_id", "U2"), ("user_id", "U3")],
    [("email", "c@x.com"), ("anonymous_id", "A1")],
]


def identifiers(*rows: tuple[str, str]) -> dict[str, Any]:
    mappings = [{"segment": segment, "destination": segment, "strategy": strategy} for segment, strategy in rows]
    return {"setup": "customized", "identifier_mappings": mappings}


@pytest.fixture
def audience(space, owner):
    for ids in PEOPLE:
        factories.make_event(profile=factories.make_profile(space=space, ids=ids))
    made = services.create_audience(space=space, name="Buyers", definition=ORDERED, created_by=owner)
    while run := claim_run():
        work(run)
    made.refresh_from_db()
    return made


def sync():
    runs = open_runs()
    while runs:
        runs = [run for run in runs if sync_slice(run)]


def made(space, owner, audience, connector="webhook", **fields):
    spec = ConnectionSpec(destination=make_destination(space=space, connector=connector), **fields)
    return connect(audience=audience, spec=spec, connected_by=owner)


@pytest.mark.parametrize(
    ("fields", "people", "calls"),
    [
        ({}, 3, 12),
        ({"send_identify": False}, 3, 6),
        (identifiers(("email", "last")), 2, 4),
        (identifiers(("user_id", "first"), ("crm_id", "all")), 2, 6),
        (identifiers(("email", "all"), ("anonymous_id", "all")), 2, 8),
    ],
)
def test_the_estimate_is_what_is_sent(space, owner, audience, fields, people, calls):
    connection = made(space, owner, audience, **fields)

    estimate = estimated_resync(audience, connection)
    sync()
    after = estimated_resync(audience, connection)

    assert estimate is not None
    assert after is not None
    assert (estimate.people, estimate.calls) == (people, calls)
    assert Delivery.objects.count() == calls
    assert (after.people, after.calls) == (0, 0)


def test_people_who_left_unreported_are_counted(space, owner, audience):
    connection = made(space, owner, audience, send_identify=False)
    sync()
    Delivery.objects.all().delete()
    Membership.objects.filter(audience_id=audience.pk).update(is_member=False, changed_at=datetime.now(UTC))

    estimate = estimated_resync(audience, connection)
    delivery_connections.resync(connection=connection, actor=owner)
    sync()

    assert estimate is not None
    assert (estimate.people, estimate.entries, estimate.exits, estimate.calls) == (3, 0, 6, 6)
    assert Delivery.objects.count() == 6


def test_a_list_is_counted_in_entries_and_batches(space, owner, audience):
    connection = made(space, owner, audience, connector="webhook_list")

    estimate = estimated_resync(audience, connection)
    sync()

    assert estimate is not None
    assert (estimate.calls, estimate.requests) == (6, 1)
    assert ListChange.objects.count() == 6


def test_the_cap_of_the_destination_says_how_long(space, owner, audience):
    connection = made(space, owner, audience)
    connection.destination.requests_per_second = 4

    estimate = estimated_resync(audience, connection)

    assert estimate is not None
    assert estimate.seconds == 3.0


def test_the_page_says_how_much_and_starts_it(space, owner, audience, client_for):
    connection = made(space, owner, audience)
    sync()
    url = f"/s/{space.slug}/audiences/{audience.public_id}/connections/{connection.public_id}/resync/"
    client = client_for(owner)

    before = client.get(url).content.decode()
    answer = client.post(url)

    assert "Nothing is left to send" in before
    assert answer.status_code == 302
    assert connection.first_syncs.filter(is_resync=True, state="waiting").count() == 1


def test_one_resync_of_a_workspace_runs_at_a_time(space, owner, audience, client_for):
    """destinations-and-sync.md §6."""
    first, second = made(space, owner, audience), made(space, owner, audience)
    sync()
    delivery_connections.resync(connection=first, actor=owner)

    with pytest.raises(ConflictError, match="one resync of a workspace runs at a time"):
        delivery_connections.resync(connection=second, actor=owner)
    url = f"/s/{space.slug}/audiences/{audience.public_id}/connections/{second.public_id}/resync/"
    refused = client_for(owner).get(url).content.decode()
    sync()
    delivery_connections.resync(connection=second, actor=owner)

    assert "is being resynced" in refused
    assert second.first_syncs.filter(is_resync=True).count() == 1


def test_a_resync_that_rests_holds_up_no_other(space, owner, audience):
    first, second = made(space, owner, audience), made(space, owner, audience)
    sync()
    delivery_connections.resync(connection=first, actor=owner)
    delivery_connections.set_enabled(connection=Connection.objects.get(pk=first.pk), is_enabled=False, actor=owner)

    delivery_connections.resync(connection=second, actor=owner)

    assert [run.connection for run in open_runs()] == [second]
