from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from rest_framework.test import APIClient

from destinations.models import Destination
from destinations.recent_events import RecentEvent
from destinations.tests.builders import audience_event, make_destination
from spaces.models import Space, User
from tests.factories import NOW

Api = Callable[..., APIClient]
DATA = {"method": "POST", "data": {"id": {"@path": "$.userId"}}}


def base(destination: Destination) -> str:
    return f"/api/v1/spaces/{destination.space.slug}/destinations/{destination.public_id}/"


def test_a_mapping_is_previewed(space: Space, viewer: User, api_for: Api) -> None:
    destination = make_destination(space=space)
    given = {"action": "send", "trigger": 'type = "track"', "fields": DATA, "event": audience_event()}

    found = api_for(viewer).post(f"{base(destination)}mappings/preview/", given, format="json").json()

    assert (found["matches"], found["problems"], found["errors"]) == (True, [], [])
    assert found["payload"] == {"method": "POST", "data": {"id": "u1"}}
    assert found["fields"]["data"] == {"value": '{"id": "u1"}', "missing": False, "error": ""}
    assert found["conditions"] == [{"words": "Event type is track", "holds": True, "found": ""}]
    assert found["request"]["url"] == "https://example.org/hook"


def test_the_preview_names_problems_and_a_missing_match(space: Space, owner: User, api_for: Api) -> None:
    destination = make_destination(space=space)
    given = {"action": "send", "trigger": "type = 'x'", "fields": {"nope": 1}, "event": audience_event()}

    found = api_for(owner).post(f"{base(destination)}mappings/preview/", given, format="json").json()

    assert {problem["path"] for problem in found["problems"]} == {"/trigger", "/fields/nope", "/fields/method"}
    assert (found["matches"], found["payload"]) == (False, None)


@pytest.mark.parametrize(
    ("changes", "path"),
    [({"action": "nope"}, "/action"), ({"event": {"x": 1}}, "/event"), ({"event": None}, "/event")],
)
def test_a_preview_of_something_else_is_refused(
    space: Space, owner: User, api_for: Api, changes: dict[str, Any], path: str
) -> None:
    given = {"action": "send", "event": audience_event(), **changes}

    answer = api_for(owner).post(f"{base(make_destination(space=space))}mappings/preview/", given, format="json")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["path"] == path


def test_values_are_suggested(space: Space, owner: User, api_for: Api) -> None:
    given = {"action": "send", "fields": DATA, "event": audience_event(properties={"url": "https://example.org"})}

    found = api_for(owner).post(f"{base(make_destination(space=space))}mappings/suggest/", given, format="json").json()

    assert list(found["fields"]) == ["url"]


def test_a_mapping_is_tested_with_other_values(space: Space, owner: User, api_for: Api, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook", json={"id": "by hand"}).respond_with_json({})
    destination = make_destination(space=space, settings={"url": httpserver.url_for("/hook")})
    given = {"action": "send", "fields": DATA, "trigger": 'type = "track"', "event": audience_event(), "send": True}
    given["payload"] = {"method": "POST", "data": {"id": "by hand"}}
    api = api_for(owner)

    sent = api.post(f"{base(destination)}mappings/test/", given, format="json").json()["result"]
    built = api.post(f"{base(destination)}mappings/test/", {**given, "send": False}, format="json").json()["result"]

    assert (sent["outcome"], built["outcome"]) == ("delivered", "built")
    assert len(httpserver.log) == 1


def test_an_edit_is_compared_with_what_is_stored(
    space: Space, owner: User, api_for: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    recent = RecentEvent(id="m1", title="Track: VIP", origin="Engage", at=NOW, event=audience_event())
    monkeypatch.setattr("destinations.comparing.recent_events", lambda *_args, **_kwargs: [recent])
    destination = make_destination(space=space)
    mapping = destination.mappings.get()
    fields = {**mapping.fields, "method": "PUT"}

    answer = api_for(owner).post(
        f"{base(destination)}mappings/{mapping.public_id}/compare/", {"fields": fields}, format="json"
    )

    assert answer.json()["results"][0]["changes"] == [
        {"path": "method", "sign": "~", "before": '"POST"', "after": '"PUT"'}
    ]


def test_recent_events_are_listed(space: Space, viewer: User, api_for: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    recent = RecentEvent(id="m1", title="Track: VIP", origin="Engage", at=NOW, event=audience_event())
    monkeypatch.setattr("destinations.api_mappings.recent_events", lambda *_args, **_kwargs: [recent])

    found = api_for(viewer).get(f"{base(make_destination(space=space))}recent-events/").json()

    assert [(one["id"], one["origin"]) for one in found["results"]] == [("m1", "Engage")]


def test_choices_of_a_field(space: Space, owner: User, api_for: Api) -> None:
    url = f"{base(make_destination(space=space))}mappings/choices/"

    found = api_for(owner).get(url, {"action": "send", "field": "method"}).json()

    assert [choice["value"] for choice in found["results"]] == ["POST", "PUT", "PATCH"]


def test_enrichments_are_stored_and_copied(space: Space, owner: User, api_for: Api) -> None:
    """F165: the copy has the same configuration and enrichments, and is disabled."""
    destination = make_destination(space=space)
    api = api_for(owner)
    given = {"name": "With plan", "action": "send", "fields": DATA, "enrichments": ["plan"], "enabled": True}

    made = api.post(f"{base(destination)}mappings/", given, format="json").json()
    url = f"{base(destination)}mappings/{made['id']}/"
    copy = api.post(f"{url}duplicate/").json()
    refused = api.patch(url, {"enrichments": ["a", "a.b"]}, format="json")
    changed = api.patch(url, {"enrichments": []}, format="json").json()

    assert (copy["name"], copy["enabled"]) == ("With plan (Copy)", False)
    assert (copy["enrichments"], copy["fields"], copy["trigger"]) == (["plan"], made["fields"], made["trigger"])
    assert refused.json()["errors"][0]["path"] == "/enrichments/1"
    assert changed["enrichments"] == []
    destination.refresh_from_db()
    assert destination.mapping_traits == []
