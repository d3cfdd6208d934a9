"""A trait as a computation connected to destinations: Identify and Track with its value, only when it changes."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from audiences.services.compute import compute_block
from common.errors import ConflictError
from delivery.models import Connection, FirstSync
from delivery.services import connections as delivery_connections
from delivery.services.connections import ConnectionNotValidError
from delivery.services.trait_sources import trait_options
from delivery.tests.builders import make_destination, rows
from destinations import catalog
from tests import factories
from traits.services.compute import recheck_block
from traits.services.connections import ConnectionSpec, connect
from traits.services.first_syncs import open_runs, sync_slice
from traits.tests.building import ORDERS, REVENUE, make_trait, order, touch

LIST = next(slug for slug, one in sorted(catalog.definitions().items()) if one.kind == "list")
pytestmark = pytest.mark.django_db


def calls(connection):
    found = rows("SELECT payload FROM delivery WHERE connection_id = %s ORDER BY id", connection.pk)
    return [json.loads(row[0]) for row in found]


def texts(connection):
    return [row[0] for row in rows("SELECT payload FROM delivery WHERE connection_id = %s ORDER BY id", connection.pk)]


def sync():
    while runs := open_runs():
        for run in runs:
            sync_slice(run)


def connected(trait, **options):
    spec = ConnectionSpec(destination=make_destination(space=trait.space), **options)
    connection = connect(trait=trait, spec=spec, connected_by=None)
    sync()
    return connection


@pytest.fixture
def buyer(space):
    return factories.make_profile(space=space, ids={"user_id": "u123"})


@pytest.fixture
def trait(space):
    return make_trait(space=space, name="Total revenue 180 days")


def test_identify_carries_the_value_as_a_number(space, buyer, trait):
    """F060, F066, F084, F085: the exact Identify of destinations-and-sync.md §3.1, with every digit."""
    connection = connected(trait)
    order(buyer, properties={"revenue": 450})
    touch(space, buyer)

    compute_block(space=space)

    call = calls(connection)[0]
    name = connection.destination.connector
    assert (call["type"], call["userId"], call["traits"]) == ("identify", "u123", {"total_revenue_180_days": 450})
    assert call["context"]["personas"] == {
        "computation_class": "trait",
        "computation_id": trait.public_id,
        "computation_key": "total_revenue_180_days",
        "computation_name": "Total revenue 180 days",
        "namespace": space.public_id,
        "space_id": space.public_id,
    }
    assert call["integrations"]["All"] is False
    assert name == "webhook"
    assert '"total_revenue_180_days":450' in texts(connection)[0]


def test_track_says_that_the_trait_was_computed(space, buyer, trait):
    """F086."""
    connection = connected(trait, send_identify=False, send_track=True)
    order(buyer, 12.5)
    touch(space, buyer)

    compute_block(space=space)

    call = calls(connection)[0]
    assert (call["type"], call["event"]) == ("track", "Trait Computed")
    assert call["properties"] == {"trait_key": "total_revenue_180_days", "total_revenue_180_days": 12.5}


def test_the_event_can_be_renamed(space, buyer, trait):
    """F087."""
    connection = connected(trait, send_identify=False, send_track=True, event_name="Revenue Changed")
    order(buyer, 12.5)
    touch(space, buyer)

    compute_block(space=space)

    assert [call["event"] for call in calls(connection)] == ["Revenue Changed"]


def test_only_changed_values_are_sent(space, buyer, trait):
    """F088: computed again with an equal value sends nothing; a changed value sends one call."""
    connection = connected(trait)
    order(buyer, 10)
    touch(space, buyer)
    compute_block(space=space)
    counts = [len(calls(connection))]
    touch(space, buyer)
    compute_block(space=space)
    counts.append(len(calls(connection)))
    order(buyer, 0)
    touch(space, buyer)
    compute_block(space=space)
    counts.append(len(calls(connection)))
    order(buyer, 5)
    touch(space, buyer)

    compute_block(space=space)

    assert counts == [1, 1, 1]
    assert [call["traits"]["total_revenue_180_days"] for call in calls(connection)] == [10, 15]


def test_a_value_that_is_gone_is_sent_as_null(space, buyer):
    window = {"event": "Order Completed", "window": {"within": {"days": 1}}}
    trait = make_trait(space=space, definition=REVENUE | {"event": window})
    connection = connected(trait, send_track=True)
    order(buyer, 10)
    touch(space, buyer)
    compute_block(space=space)

    with time_machine.travel(timezone.now() + timedelta(days=1, seconds=1), tick=False):
        recheck_block(space=space)
        again = recheck_block(space=space)

    assert again == 0
    assert [call.get("traits", call.get("properties"))["total_revenue"] for call in calls(connection)] == [
        10, 10, None, None,
    ]  # fmt: skip
    assert calls(connection)[3]["event"] == "Trait Computed"


def test_texts_and_lists_travel_whole(space, buyer):
    kinds = {"most_frequent": "carried", "unique_list": ['a "b" \\ \t', "carried"]}
    connections = {}
    for kind in kinds:
        definition = {
            "version": 1, "collection": "users", "kind": kind, "event": {"event": "Order Completed"},
            "property": "category",
        }  # fmt: skip
        connections[kind] = connected(make_trait(space=space, name=kind, definition=definition))
    for category in ("carried", "carried", 'a "b" \\ \t'):
        order(buyer, properties={"category": category})
    touch(space, buyer)
    compute_block(space=space)
    touch(space, buyer)

    compute_block(space=space)

    sent = {kind: [call["traits"][kind] for call in calls(one)] for kind, one in connections.items()}
    assert sent == {kind: [value] for kind, value in kinds.items()}


def test_first_sync_sends_every_value_once(space, buyer):
    order(buyer, 7)
    factories.make_profile(space=space)
    trait = make_trait(space=space)

    connection = connected(trait)
    sync()

    run = FirstSync.objects.get()
    assert [call["traits"] for call in calls(connection)] == [{"total_revenue": 7}]
    assert (run.state, run.profiles_done) == (FirstSync.State.DONE, 1)


def test_a_connection_switched_on_again_sends_what_it_missed(space, buyer, trait):
    connection = connected(trait)
    other = factories.make_profile(space=space, ids={"user_id": "u2"})
    order(buyer, 7), order(other, 1)
    touch(space, buyer, other)
    compute_block(space=space)
    delivery_connections.set_enabled(connection=connection, is_enabled=False, actor=None)
    order(buyer, 3)
    touch(space, buyer)
    compute_block(space=space)
    before = len(calls(connection))

    delivery_connections.set_enabled(connection=connection, is_enabled=True, actor=None)
    sync()

    assert before == 2
    assert [call["traits"]["total_revenue_180_days"] for call in calls(connection)[2:]] == [10]


def test_a_new_identifier_gets_the_value_the_profile_has(space, buyer, trait):
    """destinations-and-sync.md §2: an unchanged value is sent with an identifier gained later."""
    connection = connected(trait)
    order(buyer, 7)
    touch(space, buyer)
    compute_block(space=space)
    later = timezone.now() + timedelta(minutes=1)
    factories.make_identifier(profile=buyer, id_type="email", value="a@example.com", created_at=later)
    with time_machine.travel(later, tick=False):
        touch(space, buyer, events=None, traits=None)
        compute_block(space=space)

    sent = [call["traits"] for call in calls(connection)]
    assert sent == [
        {"total_revenue_180_days": 7},
        {"total_revenue_180_days": 7, "email": "a@example.com"},
    ]


def test_an_account_trait_is_sent_by_group(space):
    """F067: one Group call an account when its value changes."""
    user = factories.make_profile(space=space, ids={"user_id": "u1"})
    factories.make_account(space=space, ids={"group_id": "g1"}, users=[user])
    trait = make_trait(space=space, name="Account revenue", definition=REVENUE | {"collection": "accounts"})
    connection = connected(trait, send_identify=False, send_group=True)
    order(user, 450)
    touch(space, user)
    compute_block(space=space)
    touch(space, user)

    compute_block(space=space)

    assert [(call["type"], call["groupId"], call["traits"]) for call in calls(connection)] == [
        ("group", "g1", {"account_revenue": 450}),
    ]


def test_a_list_destination_is_refused(space, trait):
    """F065: traits go to event destinations only."""
    destination = make_destination(space=space, connector=LIST)

    with pytest.raises(ConnectionNotValidError) as refused:
        connect(trait=trait, spec=ConnectionSpec(destination=destination), connected_by=None)

    assert [error.code for error in refused.value.errors] == ["trait_to_list"]
    assert not Connection.objects.exists()


def test_a_deleted_trait_cannot_be_connected(space, trait, owner):
    trait.deleted_at = timezone.now()

    with pytest.raises(ConflictError):
        connect(trait=trait, spec=ConnectionSpec(destination=make_destination(space=space)), connected_by=owner)


def test_computed_traits_are_offered_for_enrichment(space, buyer):
    """F022: the picker has computed traits beside custom ones, each once."""
    order(buyer, 7)
    make_trait(space=space)
    make_trait(space=space, name="Orders", definition=ORDERS)

    options = trait_options(space, text="", shows_pii=True)

    assert [(option["kind"], option["value"]) for option in options] == [
        ("computed", "orders"),
        ("computed", "total_revenue"),
    ]
