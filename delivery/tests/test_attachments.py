"""A destination is on sources or on the space, not on both (engage-domain.md §4 rule 6)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from rest_framework.test import APIClient

from delivery.models import Connection
from delivery.services import connections, engage_sources
from delivery.services.connections import ComputationRef, ConnectionNotValidError
from delivery.services.source_connections import connect_source
from delivery.tests.builders import make_connection, make_destination
from destinations.models import Destination
from spaces.models import Source, Space, User
from tests.factories import make_source

BUYERS = ComputationRef(computation_class="audience", computation_id="aud_buyers", key="buyers", name="Buyers")
ON_SOURCE = (
    "{} gets the events of Website directly, and one destination is either on a source or on the space. Add another "
    "Webhook (Actions) destination for what the space computes, or disconnect this one from the source first."
)
ON_SPACE = (
    "{} gets what this space computes (Big spenders), and one destination is either on a source or on the space. Add "
    "another Webhook (Actions) destination for the source."
)


@pytest.fixture
def source(space: Space) -> Source:
    return make_source(space=space, name="Website")


@pytest.fixture
def fed(source: Source) -> Destination:
    destination = make_destination(space=source.space)
    connect_source(source=source, destination=destination, actor=None)
    return destination


@pytest.fixture
def used(space: Space) -> Destination:
    return make_connection(space=space).destination


def test_what_a_source_feeds_takes_nothing_of_the_space(space: Space, fed: Destination) -> None:
    with pytest.raises(ConnectionNotValidError) as refused:
        connections.connect(space=space, computation=BUYERS, destination=fed, actor=None)

    assert [(one.path, one.code, one.detail) for one in refused.value.errors] == [
        ("/destination", "on_source", ON_SOURCE.format(fed.name))
    ]
    assert Connection.objects.count() == 1


def test_what_takes_calls_of_the_space_is_fed_by_no_source(source: Source, used: Destination) -> None:
    with pytest.raises(ConnectionNotValidError) as refused:
        connect_source(source=source, destination=used, actor=None)

    assert refused.value.detail == ON_SPACE.format(used.name)
    assert Connection.objects.count() == 1


def test_either_may_be_changed_for_the_other(space: Space, source: Source, fed: Destination, used: Destination) -> None:
    for connection in Connection.objects.all():
        connections.remove(connection=connection, actor=None)

    connections.connect(space=space, computation=BUYERS, destination=fed, actor=None)
    connect_source(source=source, destination=used, actor=None)

    live = Connection.objects.filter(removed_at=None).order_by("pk")
    assert [(one.destination, one.is_direct) for one in live] == [(fed, False), (used, True)]


def test_two_sources_may_feed_one(space: Space, fed: Destination) -> None:
    other = make_source(space=space, name="Shop")

    assert connect_source(source=other, destination=fed, actor=None).is_direct is True


def test_what_a_source_feeds_is_on_no_engage_source(space: Space, fed: Destination, used: Destination) -> None:
    """Calls of the space pass it over, so that they are not counted there as filtered either."""
    assert set(engage_sources.routing(space).members) == {used.pk}


def test_the_pages_say_it_before_and_after(
    space: Space,
    source: Source,
    fed: Destination,
    used: Destination,
    owner: User,
    client_for: Callable[[User], Client],
    api_for: Callable[..., APIClient],
) -> None:
    api, browser = api_for(owner, space), client_for(owner)
    base = f"/s/{space.slug}"
    tab = f"{base}/settings/sources/{source.public_id}/destinations/"
    audience = _audience(api, space)
    add = f"{base}/audiences/{audience}/destinations/add/"

    offered = browser.get(tab).content.decode()
    posted = browser.post(tab, {"destination": used.public_id})
    chosen = browser.get(add).content.decode()
    sent = browser.post(f"{add}{fed.public_id}/", {"send_track": "on", "setup": "default", "value_format": "boolean"})

    assert ON_SPACE.format(used.name) in offered
    assert (posted.status_code, ON_SPACE.format(used.name) in posted.content.decode()) == (422, True)
    assert ON_SOURCE.format(fed.name) in chosen
    assert chosen.count('data-test="choose.refused"') == 1
    assert (sent.status_code, ON_SOURCE.format(fed.name) in sent.content.decode()) == (422, True)


def test_the_api_says_it_at_the_destination(
    space: Space, source: Source, fed: Destination, used: Destination, owner: User, api_for: Callable[..., APIClient]
) -> None:
    api = api_for(owner, space)
    audience = _audience(api, space)
    base = f"/api/v1/spaces/{space.slug}"

    of_space = api.post(f"{base}/audiences/{audience}/connections/", {"destination": fed.public_id}, format="json")
    of_source = api.post(
        f"{base}/sources/{source.public_id}/connections/", {"destination": used.public_id}, format="json"
    )

    assert (of_space.status_code, of_space.json()["errors"]) == (
        400,
        [{"path": "/destination", "code": "on_source", "detail": ON_SOURCE.format(fed.name)}],
    )
    assert (of_source.status_code, of_source.json()["errors"][0]["path"]) == (400, "/destination")


def _audience(api: APIClient, space: Space) -> str:
    definition = {"version": 1, "collection": "users", "where": {"event": "Order Completed"}}
    body = {"name": "Buyers", "definition": definition}
    return str(api.post(f"/api/v1/spaces/{space.slug}/audiences/", body, format="json").json()["id"])
