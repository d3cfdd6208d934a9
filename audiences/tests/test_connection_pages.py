"""Connecting an audience to destinations in the browser, and what the destinations table says."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from audiences.models import ChangedProfiles, ComputeStatus
from audiences.selectors.connections import connection_rows
from audiences.services import audiences as services
from audiences.services.backfill import claim_run, work
from audiences.services.compute import compute_block, recheck_block
from audiences.services.connections import ConnectionSpec, connect
from audiences.services.first_syncs import open_runs, sync_slice
from delivery.models import Connection, Delivery, DeliveryLog, FirstSync, Outcome
from delivery.services import connections as delivery_connections
from destinations import catalog
from destinations.models import Destination
from destinations.services.destinations import create_destination, set_destination_enabled
from destinations.services.functions import create_function
from destinations.services.mappings import duplicate_mapping, set_mapping_enabled
from tests import factories

pytestmark = pytest.mark.django_db

ORDERED = {"version": 1, "collection": "users", "where": {"event": "Order Completed"}}
SIX_STATUSES = {"Preparing", "Computing", "Live", "Not Computing", "Disabled", "Failed"}


@pytest.fixture
def audience(space, owner):
    for number in range(3):
        factories.make_event(profile=factories.make_profile(space=space, ids={"user_id": f"u{number}"}))
    made = services.create_audience(space=space, name="First time shopper", definition=ORDERED, created_by=owner)
    while run := claim_run():
        work(run)
    made.refresh_from_db()
    return made


def make_destination(space, owner, connector="webhook", name="CRM"):
    return create_destination(
        space=space,
        actor=owner,
        name=name,
        connector=connector,
        settings={"url": "http://127.0.0.1:1/hook"},
        is_enabled=True,
    )


def page(space, audience, rest=""):
    return f"/s/{space.slug}/audiences/{audience.public_id}/{rest}"


def sync():
    runs = open_runs()
    while runs:
        runs = [run for run in runs if sync_slice(run)]


def test_connecting_goes_from_the_overview_to_an_initial_sync(space, owner, audience, client_for):
    """F035, F145, F146, F147, F148, F149: the page's URL holds the id; all current members are sent."""
    destination = make_destination(space, owner)
    client = client_for(owner)

    overview = client.get(page(space, audience))
    chooser = client.get(page(space, audience, "destinations/add/"))
    form = client.get(page(space, audience, f"destinations/add/{destination.public_id}/"))
    added = client.post(
        page(space, audience, f"destinations/add/{destination.public_id}/"),
        {"send_track": "on", "enter_event": "Audience Entered", "exit_event": "Audience Exited"},
    )
    waiting = connection_rows(audience)[0].sync_status
    sync()

    assert audience.public_id in page(space, audience)
    assert "Add destination" in overview.content.decode()
    assert destination.name in chooser.content.decode()
    assert "Add destination" in form.content.decode()
    assert added.status_code == 302
    assert waiting == "Preparing"
    assert connection_rows(audience)[0].sync_status == "Live"
    assert Delivery.objects.filter(kind="track").count() == 3
    assert Delivery.objects.count() == 3


def test_list_types_stand_apart_in_the_chooser(space, owner, audience, client_for):
    """destinations-and-sync.md §1."""
    make_destination(space, owner, connector="webhook_list", name="Ads")
    make_destination(space, owner, connector="webhook", name="CRM")

    shown = client_for(owner).get(page(space, audience, "destinations/add/")).content.decode()

    assert shown.index("Send as events") < shown.index("CRM") < shown.index("Send as User List") < shown.index("Ads")


def test_the_form_explains_the_choice_of_call(space, owner, audience, client_for):
    """F082."""
    destination = make_destination(space, owner)

    shown = client_for(owner).get(page(space, audience, f"destinations/add/{destination.public_id}/")).content.decode()

    assert "Updates a user property" in shown
    assert "point-in-time event" in shown


def test_a_connection_without_any_call_is_refused_at_the_field(space, owner, audience, client_for):
    destination = make_destination(space, owner)

    answer = client_for(owner).post(
        page(space, audience, f"destinations/add/{destination.public_id}/"),
        {"enter_event": "Audience Entered", "exit_event": "Audience Exited"},
    )

    assert answer.status_code == 422
    assert "Choose at least one call" in answer.content.decode()
    assert not Connection.objects.exists()


def test_the_table_counts_matching_mappings(space, owner, audience, client_for):
    """F150, F151: two enabled and one disabled."""
    destination = make_destination(space, owner)
    preset = destination.mappings.get()
    second = duplicate_mapping(mapping=preset, actor=owner)
    set_mapping_enabled(mapping=second, actor=owner, is_enabled=True)
    duplicate_mapping(mapping=preset, actor=owner)
    connect(audience=audience, spec=ConnectionSpec(destination=destination), connected_by=owner)

    row = connection_rows(audience)[0]
    shown = client_for(owner).get(page(space, audience)).content.decode()

    assert (row.matching.total, row.matching.enabled, row.matching.disabled) == (3, 2, 1)
    assert all(column in shown for column in ("Matching mappings", "Destination status", "Sync status"))
    assert "3 mappings" in shown
    assert "2 enabled, 1 disabled" in shown


def test_a_classic_destination_has_no_mappings_to_match(space, owner, audience, client_for):
    """F152."""
    destination = make_destination(space, owner, connector="webhook_classic")
    connect(audience=audience, spec=ConnectionSpec(destination=destination), connected_by=owner)

    shown = client_for(owner).get(page(space, audience)).content.decode()

    assert "Not applicable" in shown


@pytest.mark.parametrize(
    ("destination_on", "sending", "status"),
    [
        (True, True, "Connected"),
        (True, False, "Disconnected"),
        (False, True, "Disconnected"),
        (False, False, "Disabled"),
    ],
)
def test_destination_status(space, owner, audience, client_for, destination_on, sending, status):
    """F153, F154, F155."""
    destination = make_destination(space, owner)
    connection = connect(audience=audience, spec=ConnectionSpec(destination=destination), connected_by=owner)
    delivery_connections.set_enabled(connection=connection, is_enabled=sending, actor=owner)
    set_destination_enabled(destination=destination, actor=owner, is_enabled=destination_on)

    shown = client_for(owner).get(page(space, audience)).content.decode()

    assert connection_rows(audience)[0].destination_status == status
    assert status in shown


def test_sync_status_is_one_of_the_six_compute_statuses(space, owner, audience):
    """F156, F157."""
    connection = connect(
        audience=audience, spec=ConnectionSpec(destination=make_destination(space, owner)), connected_by=owner
    )
    seen = [connection_rows(audience)[0].sync_status]
    for state in FirstSync.State.values:
        FirstSync.objects.update(state=state)
        seen.append(connection_rows(audience)[0].sync_status)
    delivery_connections.set_enabled(connection=connection, is_enabled=False, actor=owner)
    seen.append(connection_rows(audience)[0].sync_status)
    audience = services.set_enabled(audience=audience, is_enabled=False, changed_by=owner)
    seen.append(connection_rows(audience)[0].sync_status)

    assert seen == ["Preparing", "Preparing", "Computing", "Live", "Failed", "Live", "Not Computing", "Disabled"]
    assert set(seen) <= SIX_STATUSES == set(ComputeStatus.values)


def test_pausing_keeps_the_connection_and_sends_nothing(space, owner, audience, client_for):
    connection = connect(
        audience=audience, spec=ConnectionSpec(destination=make_destination(space, owner)), connected_by=owner
    )
    client = client_for(owner)

    client.post(page(space, audience, f"connections/{connection.public_id}/enabled/"), {"enabled": "0"})
    sync()

    connection.refresh_from_db()
    assert connection.is_enabled is False
    assert connection.removed_at is None
    assert not Delivery.objects.exists()


def test_removing_takes_the_destination_off_the_table(space, owner, audience, client_for):
    connection = connect(
        audience=audience, spec=ConnectionSpec(destination=make_destination(space, owner)), connected_by=owner
    )

    client_for(owner).post(page(space, audience, f"connections/{connection.public_id}/remove/"))

    assert connection_rows(audience) == []


@pytest.mark.parametrize("tab", ["settings", "mappings", "tester", "recent"])
def test_each_tab_of_the_sheet_is_a_page_too(space, owner, audience, client_for, tab):
    connection = connect(
        audience=audience, spec=ConnectionSpec(destination=make_destination(space, owner)), connected_by=owner
    )

    answer = client_for(owner).get(page(space, audience, f"connections/{connection.public_id}/?tab={tab}"))

    assert answer.status_code == 200
    assert "<html" in answer.content.decode()


def test_a_list_destination_has_no_event_tester(space, owner, audience, client_for):
    """F014."""
    connection = connect(
        audience=audience,
        spec=ConnectionSpec(destination=make_destination(space, owner, connector="webhook_list")),
        connected_by=owner,
    )

    shown = client_for(owner).get(page(space, audience, f"connections/{connection.public_id}/?tab=tester"))

    assert "List destinations do not have an Event tester" in shown.content.decode()


def test_creating_with_a_destination_sends_members_at_once(space, owner):
    """F074, F140: without waiting for anything else, each member found is sent."""
    factories.make_event(profile=factories.make_profile(space=space, ids={"user_id": "u1"}))
    spec = ConnectionSpec(destination=make_destination(space, owner))

    services.create_audience(space=space, name="Shoppers", definition=ORDERED, created_by=owner, destinations=[spec])
    while run := claim_run():
        work(run)
    sent = Delivery.objects.count()
    sync()

    assert sent == 2
    assert Delivery.objects.count() == 2


def test_without_history_connecting_sends_only_later_changes(space, owner):
    """C4: no backfill of a new destination when the audience leaves history out."""
    audience = services.create_audience(
        space=space, name="New only", definition=ORDERED, created_by=owner, include_historical=False
    )

    connection = connect(
        audience=audience, spec=ConnectionSpec(destination=make_destination(space, owner)), connected_by=owner
    )

    assert not connection.first_syncs.exists()


def test_a_read_only_member_changes_nothing(space, owner, viewer, audience, client_for):
    connection = connect(
        audience=audience, spec=ConnectionSpec(destination=make_destination(space, owner)), connected_by=owner
    )
    client = client_for(viewer)

    answers = [
        client.post(page(space, audience, f"connections/{connection.public_id}/{verb}/"), {"enabled": "0"})
        for verb in ("enabled", "remove", "resync")
    ]

    connection.refresh_from_db()
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert (connection.is_enabled, connection.removed_at) == (True, None)


def test_what_a_disabled_destination_missed_is_kept_for_replay(space, owner, audience):
    """Nothing is queued while it is off; who came meanwhile is in the log, to be replayed once it is on."""
    destination = make_destination(space, owner)
    spec = ConnectionSpec(destination=destination, send_identify=False)
    connect(audience=audience, spec=spec, connected_by=owner)
    sync()
    Delivery.objects.all().delete()
    set_destination_enabled(destination=destination, actor=owner, is_enabled=False)
    newcomer = factories.make_profile(space=space, ids={"user_id": "late"})
    factories.make_event(profile=newcomer)
    ChangedProfiles.objects.create(
        space_id=space.pk,
        profile_ids=[newcomer.id],
        events=["track:Order Completed"],
        traits=[],
        max_received_at=timezone.now(),
    )
    compute_block(space=space)
    sync()
    while_off = Delivery.objects.count()
    set_destination_enabled(destination=destination, actor=owner, is_enabled=True)

    sync()

    assert (while_off, Delivery.objects.count()) == (0, 0)
    missed = DeliveryLog.objects.get(reason="DESTINATION_DISABLED")
    assert (missed.profile_id, missed.outcome) == (newcomer.id, Outcome.FILTERED)


def test_an_expired_window_sends_false_without_any_event(space, owner):
    """F072: 30 days after the last order, with no event at all."""
    definition = {**ORDERED, "where": {"event": "Order Completed", "window": {"within": {"days": 30}}}}
    factories.make_event(profile=factories.make_profile(space=space, ids={"user_id": "u1"}), ts=timezone.now())
    spec = ConnectionSpec(destination=make_destination(space, owner), send_identify=False)
    audience = services.create_audience(
        space=space, name="Recent", definition=definition, created_by=owner, destinations=[spec]
    )
    while run := claim_run():
        work(run)

    with time_machine.travel(timezone.now() + timedelta(days=30, seconds=1), tick=False):
        recheck_block(space=space)

    calls = [json.loads(row.payload) for row in Delivery.objects.order_by("id")]
    assert [(call["event"], call["properties"][audience.key]) for call in calls] == [
        ("Audience Entered", True),
        ("Audience Exited", False),
    ]


SHEET = {
    "connection-send_track": "1",
    "connection-include_audience_key": "1",
    "connection-enter_event": "Audience Entered",
    "connection-exit_event": "Audience Exited",
    "connection-setup": "customized",
    "connection-trait_mappings-0-segment": "plan",
    "connection-trait_mappings-0-destination": "",
}


@pytest.mark.parametrize(
    ("headers", "status", "is_told"), [({"HX-Request": "true"}, 200, True), ({}, 302, False)], ids=["script", "none"]
)
def test_the_sheet_saves_a_customized_setup(space, owner, audience, client_for, headers, status, is_told):
    """F026; in the sheet and, without script, on its page."""
    connection = connect(
        audience=audience, spec=ConnectionSpec(destination=make_destination(space, owner)), connected_by=owner
    )
    url = page(space, audience, f"connections/{connection.public_id}/")

    answer = client_for(owner).post(url, SHEET, headers=headers)

    connection.refresh_from_db()
    assert (answer.status_code, "sheet:saved" in answer.get("HX-Trigger", "")) == (status, is_told)
    assert connection.trait_mappings == [{"segment": "plan", "destination": "plan"}]
    assert (connection.setup, connection.send_identify) == ("customized", False)


def test_the_sheet_adds_a_row_without_script_and_saves_nothing(space, owner, audience, client_for):
    connection = connect(
        audience=audience, spec=ConnectionSpec(destination=make_destination(space, owner)), connected_by=owner
    )
    url = page(space, audience, f"connections/{connection.public_id}/")

    answer = client_for(owner).post(url, SHEET | {"connection-rows": "add:trait_mappings"})

    connection.refresh_from_db()
    assert answer.status_code == 200
    assert 'name="connection-trait_mappings-1-segment"' in answer.content.decode()
    assert connection.setup == "default"


def test_problems_of_the_sheet_stand_at_their_rows(space, owner, audience, client_for):
    connection = connect(
        audience=audience, spec=ConnectionSpec(destination=make_destination(space, owner)), connected_by=owner
    )
    url = page(space, audience, f"connections/{connection.public_id}/")

    answer = client_for(owner).post(url, SHEET | {"connection-trait_mappings-0-destination": audience.key})

    connection.refresh_from_db()
    assert answer.status_code == 422
    assert 'id="id_connection-trait_mappings-0-destination_error"' in answer.content.decode()
    assert connection.setup == "default"


def test_connecting_takes_the_whole_setup_by_api(space, owner, audience, api_for):
    destination = make_destination(space, owner)
    sent = {
        "destination": destination.public_id,
        "send_mobile_ids": True,
        "value_format": "string",
        "include_audience_key": False,
        "setup": "customized",
        "trait_mappings": [{"segment": "plan", "destination": "p"}],
        "identifier_mappings": [{"segment": "user_id", "destination": "user_id", "strategy": "first"}],
    }

    answer = api_for(owner, space).post(
        f"/api/v1/spaces/{space.slug}/audiences/{audience.public_id}/connections/", sent, format="json"
    )

    assert answer.status_code == 201
    assert {name: answer.json()[name] for name in sent} == sent


GROUP_ONLY = "async function onGroup(event, settings) { await fetch('https://example.org'); }"


def test_every_tool_that_takes_identify_or_track_can_be_chosen_and_no_other(space, owner, audience, client_for):
    """F128: the whole catalog, and a function that takes Group calls alone."""
    slugs = [slug for slug, definition in catalog.definitions().items() if definition.kind == "event"]
    for slug in slugs:
        Destination.objects.create(space=space, connector=slug, name=slug, settings={})
    function = create_function(space=space, actor=owner, name="Groups", code=GROUP_ONLY, settings=())
    groups = Destination.objects.create(space=space, connector=f"function-{function.public_id}", name="Groups")
    browser = client_for(owner)

    chooser = browser.get(page(space, audience, "destinations/add/")).content.decode()
    events = chooser.partition('data-test="choose.event"')[2]

    chosen = set(re.findall(r'<li data-id="([^"]+)"', events))
    names = dict(Destination.objects.values_list("public_id", "name"))
    assert {names[public_id] for public_id in chosen} == set(slugs)
    assert groups.public_id not in chooser
