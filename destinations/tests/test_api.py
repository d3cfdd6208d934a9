from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_httpserver import HTTPServer
from rest_framework.test import APIClient

from destinations.models import Destination
from destinations.tests.builders import audience_event, make_destination
from spaces.models import Space, User

Api = Callable[..., APIClient]


def base(space: Space) -> str:
    return f"/api/v1/spaces/{space.slug}/"


def test_a_destination_is_made_read_changed_and_deleted(space: Space, owner: User, api_for: Api) -> None:
    api = api_for(owner)
    given = {
        "name": "Hook",
        "connector": "webhook",
        "settings": {"url": "https://example.org/", "sharedSecret": "s3cret"},
        "enabled": True,
    }

    made = api.post(f"{base(space)}destinations/", given, format="json")
    url = f"{base(space)}destinations/{made.json()['id']}/"
    changed = api.patch(url, {"enabled": False, "settings": {"url": "https://example.org/2"}}, format="json")
    read = api.get(url)
    deleted = api.delete(url)

    assert (made.status_code, changed.status_code, read.status_code, deleted.status_code) == (201, 200, 200, 204)
    assert read.json()["settings"] == {"url": "https://example.org/2"}
    assert (read.json()["enabled"], read.json()["hidden_settings"]) == (False, ["sharedSecret"])
    assert "s3cret" not in made.content.decode() + read.content.decode()
    assert api.get(url).status_code == 404


def test_the_api_names_every_field_that_is_wrong(space: Space, owner: User, api_for: Api) -> None:
    given = {"name": "Hook", "connector": "webhook_list", "settings": {"url": "nope", "batchSize": -1}}

    response = api_for(owner).post(f"{base(space)}destinations/", given, format="json")

    assert response.status_code == 400
    assert response.json()["code"] == "invalid"
    assert {error["path"] for error in response.json()["errors"]} == {"/settings/url", "/settings/batchSize"}
    assert Destination.objects.count() == 0


def test_the_catalog_lists_the_connectors_with_their_fields(space: Space, owner: User, api_for: Api) -> None:
    """F083."""
    connectors: list[dict[str, Any]] = api_for(owner).get(f"{base(space)}connectors/").json()["results"]

    found = {item["slug"]: item for item in connectors}
    assert set(found) >= {"webhook", "webhook_classic", "webhook_list"}
    assert found["webhook_list"]["list_interval_minutes"] == 60
    assert [field["key"] for field in found["webhook"]["settings"]] == ["url", "sharedSecret"]


def test_mappings_over_the_api(space: Space, owner: User, api_for: Api) -> None:
    destination = make_destination(space=space)
    url = f"{base(space)}destinations/{destination.public_id}/mappings/"
    api = api_for(owner)

    made = api.post(url, {"name": "Mine", "action": "send", "trigger": 'type = "track"'}, format="json")
    one = f"{url}{made.json()['id']}/"
    changed = api.patch(one, {"enabled": True, "fields": {"method": "PUT"}}, format="json")
    copied = api.post(f"{one}duplicate/")
    listed = api.get(url)

    assert (made.status_code, made.json()["enabled"]) == (201, False)
    assert (changed.json()["enabled"], changed.json()["fields"]) == (True, {"method": "PUT"})
    assert copied.json()["name"] == "Mine (Copy)"
    assert [row["name"] for row in listed.json()["results"]] == ["Send audience calls", "Mine", "Mine (Copy)"]
    assert api.delete(one).status_code == 204


def test_a_test_event_over_the_api(space: Space, owner: User, api_for: Api, httpserver: HTTPServer) -> None:
    """F017, F019."""
    httpserver.expect_request("/hook").respond_with_data("ok")
    destination = make_destination(space=space, settings={"url": httpserver.url_for("/hook")})
    url = f"{base(space)}destinations/{destination.public_id}/test/"

    response = api_for(owner).post(url, {"event": audience_event()}, format="json")

    assert response.status_code == 200
    assert response.json()["result"]["status_line"] == "200 OK"


def test_a_test_of_a_list_destination_is_refused(space: Space, owner: User, api_for: Api) -> None:
    """F014."""
    destination = make_destination(space=space, connector="webhook_list")
    url = f"{base(space)}destinations/{destination.public_id}/test/"

    response = api_for(owner).post(url, {"event": audience_event()}, format="json")

    assert (response.status_code, response.json()["code"]) == (409, "conflict")


def test_read_only_members_read_and_do_not_write(space: Space, viewer: User, api_for: Api) -> None:
    make_destination(space=space)
    api = api_for(viewer)

    assert api.get(f"{base(space)}destinations/").status_code == 200
    assert api.post(f"{base(space)}destinations/", {}, format="json").status_code == 403
