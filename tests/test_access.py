"""Every address of the product, found by walking the URL configuration: who is let in and who is not."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from django.urls.resolvers import RoutePattern
from rest_framework.exceptions import APIException
from rest_framework.test import APIClient

from profiles.models import ExternalId
from spaces import access
from spaces.api_base import SpaceAPIView
from spaces.models import Role, Space, User
from tests.factories import make_member, make_profile, make_token
from tests.rights import RIGHTS, rights_of

METHODS = ("get", "post", "put", "patch", "delete")

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


def test_outsider_gets_404_from_every_page_and_operation(
    space: Space, outsider: User, client_for: Callable[[User], Client], api_for: Callable[..., APIClient]
) -> None:
    browser, api = client_for(outsider), api_for(outsider)

    statuses = {
        f"{method} {route}": getattr(api if _is_operation(route) else browser, method)(
            _address(route, space.slug)
        ).status_code
        for route in [*PAGES, *OPERATIONS]
        for method in _methods(route)
    }

    assert {call: status for call, status in statuses.items() if status != 404} == {}


def _listed(route: str) -> str:
    """An address as the table of rights lists it."""
    short = route.replace("api/v1/spaces/<slug:space>/", "api/").replace("s/<slug:space>/", "")
    return re.sub(r"<[^>]*>", "*", short)


def _methods(route: str) -> list[str]:
    """The methods of an operation; of a page to read and to change."""
    view = getattr(resolve(_address(route, "acme-dev")).func, "cls", None)
    return ["get", "post"] if view is None else [name for name in METHODS if hasattr(view, name)]


class _LetIn(APIException):
    """The guard let the caller in; what the view would do is no matter of rights."""

    status_code = 299


@pytest.fixture
def _guards_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages and operations stop behind their guards, which makes thousands of calls cheap."""
    guard = SpaceAPIView.initial

    def let_in(self: SpaceAPIView, *args: Any, **kwargs: Any) -> None:
        guard(self, *args, **kwargs)
        raise _LetIn

    monkeypatch.setattr(access, "once", lambda _request, _act: HttpResponse(status=_LetIn.status_code))
    monkeypatch.setattr(SpaceAPIView, "initial", let_in)


# Whom the guard lets in where the service decides: everybody may leave the workspace, and revoke a token of their own.
DECIDED_WITHIN = {"settings/members/*/remove/": Role.READ_ONLY, "settings/tokens/*/revoke/": Role.USER}


@pytest.mark.usefixtures("_guards_only")
@pytest.mark.parametrize("role", list(Role))
def test_every_role_has_the_rights_of_the_table(
    role: Role, space: Space, client_for: Callable[[User], Client], api_for: Callable[..., APIClient]
) -> None:
    user = make_member(workspace=space.workspace, role=role).user
    browser, api = client_for(user), api_for(user, space)
    wrong: list[str] = []

    for route in [*PAGES, *OPERATIONS]:
        to_read, to_change = rights_of(_listed(route))
        to_change = DECIDED_WITHIN.get(_listed(route), to_change)
        for method in _methods(route):
            needed = to_read if method == "get" else to_change
            expected = _LetIn.status_code if access.RANKS[role] >= access.RANKS[needed] else 403
            client = api if _is_operation(route) else browser
            answer = getattr(client, method)(_address(route, space.slug))
            if answer.status_code != expected:
                wrong.append(f"{method} {_listed(route)}: {answer.status_code}, the table says {expected}")
            elif expected == 403 and "does not allow you to" not in answer.content.decode():
                wrong.append(f"{method} {_listed(route)}: the refusal does not say what is missing")

    assert wrong == []


def test_the_table_of_rights_lists_what_there_is() -> None:
    known = {_listed(route) for route in [*PAGES, *OPERATIONS]}
    listed = [route for routes in RIGHTS.values() for route in routes]

    assert sorted(set(listed) - known) == []
    assert len(listed) == len(set(listed))


PROFILE_API = [route for route in ROUTES if route.startswith(("v1/spaces/", "v1/namespaces/"))]


def _profile_call(route: str, space: Space) -> str:
    parts = {"space_id": space.public_id, "collection": "users", "lookup": "user_id:ada"}
    return "/" + re.sub(r"<\w+:(\w+)>", lambda found: parts[found[1]], route)


@pytest.mark.parametrize(
    ("who", "read", "change"),
    [
        ("owner", 200, 200),
        ("admin", 200, 200),
        ("editor", 200, 403),
        ("viewer", 200, 403),
        ("outsider", 404, 404),
        ("", 401, 401),
    ],
)
def test_the_profile_api_lets_in_whom_it_should(
    who: str, read: int, change: int, space: Space, request: pytest.FixtureRequest
) -> None:
    headers: dict[str, str] = {}
    if who:
        secret = make_token(user=request.getfixturevalue(who))
        headers["authorization"] = "Basic " + base64.b64encode(f"{secret}:".encode()).decode()
    statuses: dict[str, int] = {}

    for route in PROFILE_API:
        make_profile(space=space, ids={"user_id": "ada", "email": "ada@example.com"})
        url = _profile_call(route, space)
        if route.endswith("/delete"):
            body = {"delete_external_ids": [{"id": "ada@example.com", "type": "email"}]}
            answer = Client().post(url, body, content_type="application/json", headers=headers)
        else:
            answer = Client().get(url, headers=headers)
        statuses[route] = answer.status_code
        ExternalId.objects.all().delete()

    assert len(PROFILE_API) == 12
    assert statuses == {route: change if route.endswith("/delete") else read for route in PROFILE_API}


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
