from __future__ import annotations

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from spaces.models import Source, Space, User

Api = Callable[..., APIClient]


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        ('{"name": ' + "[" * 100_000, "", "too_deep"),
        ('{"name": ' + "[" * 150 + "]" * 150 + "}", "", "too_deep"),
        ('{"name": {"a/b": ["x", "a\\u0000b"]}}', "/name/a~1b/1", "invalid_character"),
        ('{"name": {"x": "\\ud800"}}', "/name/x", "invalid_character"),
        ('{"name": {"\\u0000": 1}}', "/name", "invalid_character"),
    ],
)
def test_what_cannot_be_stored_is_refused_at_its_place(
    body: str, path: str, code: str, owner: User, space: Space, api_for: Api
) -> None:
    response = api_for(owner).post(f"/api/v1/spaces/{space.slug}/sources/", body, content_type="application/json")

    assert response.status_code == 400
    assert response.json()["code"] == "invalid"
    assert [(error["path"], error["code"]) for error in response.json()["errors"]] == [(path, code)]
    assert Source.objects.count() == 0


def test_whole_characters_beyond_the_basic_plane_are_kept(owner: User, space: Space, api_for: Api) -> None:
    body = '{"name": "Shop \\ud83d\\ude00"}'

    response = api_for(owner).post(f"/api/v1/spaces/{space.slug}/sources/", body, content_type="application/json")

    assert (response.status_code, Source.objects.get().name) == (201, "Shop \U0001f600")


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("/api/v1/nothing/", 404, "not_found"),
        ("/v1/nothing", 404, "not_found"),
        ("/api/v1/spaces/acme-dev/audiences/%00/", 400, "bad_request"),
        ("/api/v1/spaces/acme-dev/connections/%00/", 400, "bad_request"),
        ("/api/v1/spaces/acme-dev/profiles/%00/", 400, "bad_request"),
        ("/api/v1/spaces/acme-dev/deliveries/?message_id=%00", 400, "bad_request"),
    ],
)
def test_clients_get_errors_as_json_where_no_view_is_reached(
    address: str, status: int, code: str, owner: User, space: Space, api_for: Api
) -> None:
    response = api_for(owner).get(address)

    assert response.status_code == status
    assert (response.json()["code"], response.json()["errors"]) == (code, [])


def test_a_body_beyond_the_limit_is_refused_as_json(owner: User, space: Space, api_for: Api) -> None:
    body = '{"name": "' + "x" * 12_000_000 + '"}'

    response = api_for(owner).post(f"/api/v1/spaces/{space.slug}/sources/", body, content_type="application/json")

    assert (response.status_code, response.json()["code"]) == (400, "bad_request")
