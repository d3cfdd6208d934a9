"""Every address of the product, found by walking the URL configuration: who is let in and who is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern
from rest_framework.test import APIClient

from spaces.models import Space, User

VALUES = {"int": "1", "slug": "abcdefghij", "str": "abcdefghij", "uuid": "0" * 8 + "-0000-0000-0000-" + "0" * 12}
# Reached without signing in: signing in itself, what machines call, and the demo's receiver.
PUBLIC = ("/login/", "/healthz", "/echo/", "/v1/", "/_gallery/")


def _routes(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, dict[str, str]]]:
    for entry in resolver.url_patterns:
        assert isinstance(entry.pattern, RoutePattern), f"{entry.pattern} is not a path() route"
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _routes(entry, route)
        elif isinstance(entry, URLPattern):
            yield route, {}


def _address(route: str, space: str) -> str:
    parts = route.split("<")
    address = parts[0]
    for part in parts[1:]:
        inside, _, rest = part.partition(">")
        kind, _, name = inside.rpartition(":")
        address += (space if name == "space" else VALUES.get(kind or "str", "abcdefghij")) + rest
    return "/" + address


ROUTES = sorted({route for route, _ in _routes(get_resolver())})
PAGES = [route for route in ROUTES if route.startswith("s/<slug:space>/")]
OPERATIONS = [route for route in ROUTES if route.startswith("api/v1/spaces/<slug:space>/")]
PRIVATE = [route for route in ROUTES if not ("/" + route).startswith(PUBLIC)]


def _is_operation(route: str) -> bool:
    return route.startswith("api/") and route != "api/v1/docs/"


def test_the_walk_finds_pages_and_operations() -> None:
    assert len(PAGES) > 15
    assert len(OPERATIONS) > 8


# One test for all routes of a kind: a test a route costs minutes. A failure lists each route that answers otherwise.
def test_anonymous_is_sent_to_sign_in_from_every_page(space: Space) -> None:
    client = Client()

    answers = {route: client.get(_address(route, space.slug)) for route in PRIVATE if not _is_operation(route)}

    wrong = [
        route
        for route, answer in answers.items()
        if answer.status_code != 302 or not answer["Location"].startswith("/login/")
    ]
    assert wrong == []


def test_anonymous_gets_401_from_every_operation(space: Space) -> None:
    client = Client()

    answers = {route: client.get(_address(route, space.slug)) for route in PRIVATE if _is_operation(route)}

    wrong = [
        route
        for route, answer in answers.items()
        if answer.status_code != 401 or answer.json()["code"] != "not_authenticated"
    ]
    assert wrong == []


@pytest.mark.parametrize("method", ["get", "post"])
def test_outsider_gets_404_on_every_page(
    method: str, space: Space, outsider: User, client_for: Callable[[User], Client]
) -> None:
    send = getattr(client_for(outsider), method)

    statuses = {route: send(_address(route, space.slug)).status_code for route in PAGES}

    assert {route: status for route, status in statuses.items() if status != 404} == {}


@pytest.mark.parametrize("method", ["get", "post", "patch", "put", "delete"])
def test_outsider_gets_404_on_every_operation(
    method: str, space: Space, outsider: User, api_for: Callable[..., APIClient]
) -> None:
    send = getattr(api_for(outsider), method)

    statuses = {route: send(_address(route, space.slug), {}, format="json").status_code for route in OPERATIONS}

    assert {route: status for route, status in statuses.items() if status != 404} == {}


# What a read-only member may post: leaving the workspace, reading their own alerts, and looking at what a definition
# would match.
OPEN_TO_VIEWERS = ("settings/members/<int:member_id>/remove/", "alerts/seen/", "preview/", "/explain/", "/estimate/")


def test_read_only_member_cannot_post_to_any_page(
    space: Space, viewer: User, client_for: Callable[[User], Client]
) -> None:
    client = client_for(viewer)
    closed = [route for route in PAGES if not route.endswith(OPEN_TO_VIEWERS)]

    answers = {route: client.post(_address(route, space.slug)) for route in closed}

    wrong = {
        route: answer.status_code
        for route, answer in answers.items()
        if answer.status_code != 403 or "does not allow you to" not in answer.content.decode()
    }
    assert wrong == {}


@pytest.mark.parametrize("method", ["post", "patch", "put", "delete"])
def test_read_only_member_cannot_change_by_any_operation(
    method: str, space: Space, viewer: User, api_for: Callable[..., APIClient]
) -> None:
    send = getattr(api_for(viewer, space), method)
    closed = [route for route in OPERATIONS if not route.endswith(OPEN_TO_VIEWERS)]

    answers = {route: send(_address(route, space.slug), {}, format="json") for route in closed}

    wrong = {
        route: answer.status_code
        for route, answer in answers.items()
        if answer.status_code != 403 or answer.json()["code"] != "permission_denied"
    }
    assert wrong == {}


def test_token_of_one_space_does_not_reach_another(
    space: Space, owner: User, api_for: Callable[..., APIClient]
) -> None:
    other = Space.objects.create(workspace=space.workspace, name="Acme Prod", slug="acme-prod", kind="prod")
    client = api_for(owner, space)

    inside = client.get(f"/api/v1/spaces/{space.slug}/")
    outside = client.get(f"/api/v1/spaces/{other.slug}/")

    assert inside.status_code == 200
    assert outside.status_code == 404


def test_wrong_token_gets_401_in_the_shape_of_errors(db: None) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION="Token nonsense")

    response = client.get("/api/v1/spaces/")

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Token"
    assert response.json() == {
        "code": "authentication_failed",
        "detail": "This token is unknown or was revoked. Create one in Settings, API tokens.",
        "errors": [],
    }
