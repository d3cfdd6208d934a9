"""F136: destinations that are connected to a source directly, in pages, over REST, and what is shown of their calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from common.errors import ConflictError
from delivery.models import Connection, Delivery
from delivery.selectors.calls import CallFilter, call_page
from delivery.selectors.tracing import trace
from delivery.services import connections, source_connections
from delivery.services.connections import ConnectionNotValidError
from delivery.services.source_calls import SourceCall, direct_connections, emit_source_calls
from delivery.services.source_connections import connect_source
from delivery.tests.builders import make_connection, make_destination
from spaces.models import AuditEntry, Source, Space, User
from spaces.services import sources
from tests.factories import make_event, make_profile, make_source, make_space

pytestmark = pytest.mark.django_db


@pytest.fixture
def source(space: Space) -> Source:
    return make_source(space=space, name="Website")


def connect(source: Source, **fields: Any) -> Connection:
    return connect_source(source=source, destination=make_destination(space=source.space, **fields), actor=None)


def emit(connection: Connection, source: Source, profile_id: int, *message_ids: str, **payload: Any) -> None:
    calls = [
        SourceCall(
            source_id=source.pk,
            profile_id=profile_id,
            message_id=message_id,
            kind="track",
            event="Order Completed",
            payload=json.dumps({"type": "track", "event": "Order Completed", "messageId": message_id, **payload}),
        )
        for message_id in message_ids
    ]
    emit_source_calls(direct_connections({source.space_id}), calls, now=timezone.now())


def test_a_list_destination_is_refused_with_the_reason(source: Source, space: Space) -> None:
    destination = make_destination(space=space, connector="webhook_list")

    with pytest.raises(ConnectionNotValidError, match="takes lists of people, and a source sends single events"):
        connect_source(source=source, destination=destination, actor=None)


def test_a_destination_is_connected_once_and_within_its_space(source: Source, space: Space) -> None:
    connection = connect(source)
    elsewhere = make_destination(space=make_space(workspace=space.workspace, name="Other"))

    with pytest.raises(ConflictError, match="is already connected to Website"):
        connect_source(source=source, destination=connection.destination, actor=None)
    with pytest.raises(ConflictError, match="was deleted"):
        connect_source(source=source, destination=elsewhere, actor=None)


def test_a_source_feeds_at_most_25_destinations_of_a_kind(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_connections, "MOST_INSTANCES", 2)
    connect(source)
    connect(source)

    with pytest.raises(ConflictError, match="at most 2 destinations of one kind"):
        connect(source)
    assert connect(source, connector="slack").pk


def test_its_settings_are_no_matter_of_a_computation(source: Source) -> None:
    connection = connect(source)

    with pytest.raises(ConnectionNotValidError, match="sends its events as they come"):
        connections.update(connection=connection, actor=None, send_identify=False)
    with pytest.raises(ConflictError, match="no members to send again"):
        connections.resync(connection=connection, actor=None)


def test_it_is_called_as_the_source_is_called(source: Source, owner: User) -> None:
    connection = connect(source)

    sources.rename_source(source=source, actor=owner, name="Shop")

    connection.refresh_from_db()
    assert connection.computation_name == "Source: Shop"


def test_connecting_pausing_and_disconnecting_are_in_the_audit_trail(source: Source, owner: User) -> None:
    connection = connect_source(source=source, destination=make_destination(space=source.space), actor=owner)
    connections.set_enabled(connection=connection, is_enabled=False, actor=owner)
    connections.remove(connection=connection, actor=owner)

    entries = AuditEntry.objects.filter(object_name__startswith="Source: Website").order_by("pk")
    assert [one.action for one in entries] == ["connection.created", "connection.paused", "connection.removed"]
    assert entries[0].after == {"destination": connection.destination.name, "source": source.public_id}


def test_the_api_connects_pauses_and_disconnects(
    source: Source, space: Space, admin: User, api_for: Callable[..., APIClient]
) -> None:
    api = api_for(admin, space)
    url = f"/api/v1/spaces/{space.slug}/sources/{source.public_id}/connections/"
    hook, lists = make_destination(space=space), make_destination(space=space, connector="webhook_list")

    made = api.post(url, {"destination": hook.public_id}, format="json")
    own = f"{url}{made.json()['id']}/"
    answers = {
        "again": api.post(url, {"destination": hook.public_id}, format="json"),
        "list": api.post(url, {"destination": lists.public_id}, format="json"),
        "unknown": api.post(url, {"destination": "nothing"}, format="json"),
        "empty": api.post(url, {}, format="json"),
        "paused": api.patch(own, {"enabled": False}, format="json"),
        "wrong": api.patch(own, {"enabled": "perhaps"}, format="json"),
        "listed": api.get(url),
        "removed": api.delete(own),
        "gone": api.get(own),
    }

    assert made.status_code == 201
    assert {
        "source": source.public_id,
        "destination": hook.public_id,
        "enabled": True,
        "status": "Connected",
    }.items() <= made.json().items()
    assert made.json()["counts"]["unaccounted"] == 0
    assert {name: answer.status_code for name, answer in answers.items()} == {
        "again": 409,
        "list": 400,
        "unknown": 400,
        "empty": 400,
        "paused": 200,
        "wrong": 400,
        "listed": 200,
        "removed": 204,
        "gone": 404,
    }
    assert answers["list"].json()["errors"][0]["path"] == "/destination"
    assert answers["paused"].json()["enabled"] is False
    assert [row["enabled"] for row in answers["listed"].json()["results"]] == [False]


def test_an_engage_user_cannot_change_it_by_the_other_door(
    source: Source, space: Space, editor: User, admin: User, api_for: Callable[..., APIClient]
) -> None:
    connection = connect(source)
    url = f"/api/v1/spaces/{space.slug}/connections/{connection.public_id}/"

    refused = [
        api_for(editor, space).patch(url, {"enabled": False}, format="json"),
        api_for(editor, space).delete(url),
    ]

    assert [answer.status_code for answer in refused] == [403, 403]
    assert api_for(editor, space).get(url).json()["computation_class"] == "source"
    assert api_for(admin, space).delete(url).status_code == 204


def test_the_page_connects_pauses_and_disconnects_without_script(
    source: Source, space: Space, admin: User, client_for: Callable[[User], Client]
) -> None:
    browser = client_for(admin)
    hook, lists = make_destination(space=space), make_destination(space=space, connector="webhook_list")
    url = f"/s/{space.slug}/settings/sources/{source.public_id}/destinations/"

    before = browser.get(url).content.decode()
    made = browser.post(url, {"destination": hook.public_id})
    connection = Connection.objects.get(computation_id=source.public_id)
    after = browser.get(url).content.decode()
    refused = browser.post(url, {"destination": lists.public_id})
    paused = browser.post(f"{url}{connection.public_id}/toggle/", {"enabled": "0"})
    connection.refresh_from_db()
    was_enabled = connection.is_enabled
    browser.post(f"{url}{connection.public_id}/disconnect/")
    connection.refresh_from_db()

    assert "No destination is connected directly" in before
    assert "takes lists of people" in before
    assert (made.status_code, made["Location"]) == (302, url)
    assert 'data-test="source.connection"' in after
    assert (refused.status_code, "takes lists of people" in refused.content.decode()) == (422, True)
    assert (paused.status_code, was_enabled) == (302, False)
    assert connection.removed_at is not None
    assert url in browser.get(f"/s/{space.slug}/settings/sources/{source.public_id}/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_the_page_says_why_nothing_gets_there(
    source: Source, space: Space, owner: User, client_for: Callable[[User], Client], run_worker: Callable[..., bool]
) -> None:
    connection = connect(source, trigger='type = "identify"')
    browser, url = client_for(owner), f"/s/{space.slug}/settings/sources/{source.public_id}/destinations/"
    before = browser.get(url).content.decode()

    emit(connection, source, make_profile(space=space).id, "m1")
    run_worker()
    filtered = browser.get(url).content.decode()
    connection.destination.mappings.update(is_enabled=False)
    unmapped = browser.get(url).content.decode()

    assert 'data-test="source.unmapped"' not in before
    assert "Every event was filtered so far." in filtered
    assert "None of its mappings is enabled, so every event is filtered." in unmapped


def test_a_viewer_sees_what_is_connected_and_changes_nothing(
    source: Source, space: Space, viewer: User, client_for: Callable[[User], Client]
) -> None:
    connection = connect(source)
    url = f"/s/{space.slug}/settings/sources/{source.public_id}/destinations/"

    page = client_for(viewer).get(url)
    statuses = [
        client_for(viewer).post(url, {"destination": connection.destination.public_id}).status_code,
        client_for(viewer).post(f"{url}{connection.public_id}/disconnect/").status_code,
    ]

    assert connection.destination.name in page.content.decode()
    assert statuses == [403, 403]


def test_a_trace_of_the_event_shows_the_event_and_its_calls(source: Source, space: Space) -> None:
    connection = connect(source)
    person = make_profile(space=space, ids={"user_id": "u1"})
    event = make_event(profile=person, name="Order Completed")
    emit(connection, source, person.id, event.message_id)

    found = trace(space, event.message_id)
    identify = trace(space, "m9")

    assert (found.kind, found.event) == ("event", event)
    assert [call.message_id for call in found.calls] == [event.message_id]
    assert identify.kind == ""


def test_a_call_says_that_the_source_sent_it_on(
    source: Source, space: Space, owner: User, client_for: Callable[[User], Client]
) -> None:
    """Also one whose context is none that this product wrote."""
    connection = connect(source)
    person = make_profile(space=space, ids={"user_id": "u1"})
    emit(connection, source, person.id, "m1", context={"personas": "none"})
    emit(connection, source, -5, "m2", context=None)
    first, second = (call.id for call in call_page(space, CallFilter(connection=connection)).rows[::-1])
    browser = client_for(owner)

    pages = {
        name: browser.get(f"/s/{space.slug}/{path}").content.decode()
        for name, path in {
            "call": f"delivery/calls/{first}/",
            "stand-in": f"delivery/calls/{second}/",
            "where": f"settings/debugger/?message={first}&tab=where",
            "destination": f"destinations/{connection.destination.public_id}/",
            "overview": f"delivery/computations/{source.public_id}/",
        }.items()
    }

    tab = f"/s/{space.slug}/settings/sources/{source.public_id}/destinations/"
    assert "The source sends its events to this destination directly, as they come." in pages["call"]
    assert all(tab in pages[name] for name in ("call", "destination", "overview"))
    assert "The space made no profile of this call" in pages["stand-in"]
    assert "connected to the source directly" in pages["where"]


def test_an_engage_source_in_the_debugger_holds_none_of_these_calls(
    source: Source, space: Space, owner: User, client_for: Callable[[User], Client], api_for: Callable[..., APIClient]
) -> None:
    connection = connect(source)
    make_connection(space=space, destination=connection.destination)
    emit(connection, source, make_profile(space=space).id, "m1")
    browser = client_for(owner)
    everything = browser.get(f"/s/{space.slug}/settings/debugger/")
    engage = everything.context["sources"][0]["row"].source

    chosen = browser.get(f"/s/{space.slug}/settings/debugger/?source={engage.public_id}")

    assert [row["row"].message_id for row in everything.context["rows"]] == ["m1"]
    assert chosen.context["rows"] == []


def test_disconnecting_supersedes_what_waits(source: Source, space: Space) -> None:
    connection = connect(source)
    emit(connection, source, make_profile(space=space).id, "m1", "m2")

    connections.remove(connection=connection, actor=None)

    assert not Delivery.objects.filter(connection_id=connection.pk).exists()
    rows = call_page(space, CallFilter(connection=connection)).rows
    assert {(row.message_id, row.status, row.reason) for row in rows} == {
        ("m1", "superseded", "CONNECTION_REMOVED"),
        ("m2", "superseded", "CONNECTION_REMOVED"),
    }
