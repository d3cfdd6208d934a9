from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_httpserver import HTTPServer
from rest_framework.test import APIClient

from common.errors import ConflictError, InvalidError
from common.secrets import decrypt
from destinations.catalog import definition
from destinations.function_forms import TEMPLATE_SETTINGS, TEMPLATES
from destinations.functions.runtime import handlers_of
from destinations.models import Destination, DestinationFunction
from destinations.services.destinations import create_destination, delete_destination
from destinations.services.functions import (
    create_function,
    delete_function,
    restore_version,
    save_function,
    try_function,
)
from destinations.services.tester import send_test_event
from destinations.tests.builders import audience_event
from spaces.models import AuditEntry, Space, User

CODE = "async function onTrack(event, settings) { console.log(event.event, settings.key); }"
KEY = {"key": "key", "label": "Key", "type": "text", "required": True, "secret": True}


def make_function(space: Space, code: str = CODE, settings: tuple[dict[str, Any], ...] = (KEY,)) -> DestinationFunction:
    return create_function(space=space, actor=None, name="My tool", code=code, settings=settings)


def make_destination_of(function: DestinationFunction, **settings: Any) -> Destination:
    return create_destination(
        space=function.space,
        actor=None,
        connector=f"function-{function.public_id}",
        name="My tool",
        settings={"key": "s3cret"} | settings,
    )


def test_a_function_becomes_a_connector_with_its_settings(space: Space) -> None:
    function = make_function(space)
    destination = make_destination_of(function)

    found = definition(destination.connector)

    assert found is not None
    assert (found.name, found.kind, found.framework, found.supported) == ("My tool", "event", "function", ("track",))
    assert found.secret_keys == {"key"}
    assert (destination.settings, decrypt(destination.secrets)) == ({}, {"key": "s3cret"})


def test_a_function_of_another_space_is_no_connector(space: Space) -> None:
    other = Space.objects.create(workspace=space.workspace, name="Other", slug="other-space")
    function = make_function(other)

    with pytest.raises(InvalidError) as caught:
        create_destination(
            space=space, actor=None, connector=f"function-{function.public_id}", name="x", settings={"key": "k"}
        )

    assert caught.value.errors[0].path == "/connector"


@pytest.mark.parametrize(
    ("given", "path", "said"),
    [
        ({"code": "function onTrack( {"}, "/code", "Line 1: SyntaxError"),
        ({"code": "const x = 1;"}, "/code", "The code defines none of the handlers"),
        ({"code": "while (true) {}"}, "/code", "It computed for longer than 1 s"),
        ({"name": ""}, "/name", "Enter a name."),
        ({"settings": [{"key": "a b"}]}, "/settings/0/key", "letters, digits and _ only"),
        ({"settings": [{"key": "a"}, {"key": "a"}]}, "/settings/1/key", "There are two settings 'a'."),
        ({"settings": [{"key": "a", "type": "date"}]}, "/settings/0/type", "The type is one of"),
        ({"settings": [{"key": "a", "type": "number", "secret": True}]}, "/settings/0/secret", "Only a text"),
    ],
)
def test_a_function_that_is_not_valid_names_its_fields(
    space: Space, given: dict[str, Any], path: str, said: str
) -> None:
    with pytest.raises(InvalidError) as caught:
        create_function(space=space, actor=None, **{"name": "A", "code": CODE, **given})

    [error] = caught.value.errors
    assert error.path == path
    assert said in error.detail
    assert DestinationFunction.objects.count() == 0


def test_saving_makes_versions_and_restoring_makes_one_more(space: Space, owner: User) -> None:
    """F038: versions of a function."""
    function = make_function(space)
    changed = CODE.replace("console", "globalThis.console")
    function = save_function(function=function, actor=owner, code=changed)
    same = save_function(function=function, actor=owner, description="The same code")

    restored = restore_version(function=function, actor=owner, number=1)

    assert (function.version, same.version, restored.version, restored.code) == (2, 2, 3, CODE)
    assert list(restored.versions.values_list("number", "code")) == [(3, CODE), (2, changed), (1, CODE)]
    actions = AuditEntry.objects.filter(action__startswith="function.").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["function.created", "function.saved", "function.saved", "function.saved"]


def test_somebody_elses_save_is_not_overwritten(space: Space) -> None:
    function = make_function(space)
    save_function(function=function, actor=None, code=f"{CODE} ")

    with pytest.raises(ConflictError):
        save_function(function=function, actor=None, code="x", based_on=1)

    function.refresh_from_db()
    assert function.version == 2


def test_a_setting_that_becomes_secret_is_encrypted_and_one_that_goes_is_forgotten(space: Space) -> None:
    plain = {"key": "zone", "type": "text"}
    function = make_function(space, settings=(KEY, plain, {"key": "old", "type": "text"}))
    destination = make_destination_of(function, zone="eu", old="x")

    save_function(function=function, actor=None, settings=[KEY, {**plain, "secret": True}])

    destination.refresh_from_db()
    assert destination.settings == {}
    assert decrypt(destination.secrets) == {"key": "s3cret", "zone": "eu"}


def test_a_function_that_runs_somewhere_is_not_deleted(space: Space) -> None:
    function = make_function(space)
    destination = make_destination_of(function)

    with pytest.raises(ConflictError):
        delete_function(function=function, actor=None)
    delete_destination(destination=destination, actor=None)
    delete_function(function=function, actor=None)

    assert DestinationFunction.objects.count() == 0


def test_the_event_tester_shows_what_the_function_wrote_and_sent(space: Space, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/in").respond_with_json({"ok": True})
    url = httpserver.url_for("/in")
    code = f"async function onTrack(e, s) {{ await fetch({url!r}); console.log(e.event, 'with', s.key); }}"
    destination = make_destination_of(make_function(space, code))

    result = send_test_event(destination=destination, sent_by=None, event=audience_event(integrations={})).result

    assert (result["outcome"], result["status_line"]) == ("delivered", "200 OK")
    [call] = result["calls"]
    assert call["logs"] == ["Audience Entered with REDACTED"]


def test_code_is_tried_before_it_is_saved(space: Space, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/in", method="POST").respond_with_json({"id": 7}, status=201)
    code = """
    async function onTrack(event, settings) {
      const answer = await fetch(settings.url, { method: "POST", body: settings.key });
      console.log(answer.status, settings.key, settings.tags);
    }
    """
    settings = [KEY, {"key": "url", "type": "text"}, {"key": "tags", "type": "list"}]

    result = try_function(
        space=space,
        code=code,
        settings=settings,
        values={"key": "s3cret", "url": httpserver.url_for("/in"), "tags": ["a"]},
        event=audience_event(),
    )

    assert (result["outcome"], result["logs"]) == ("delivered", ['201 REDACTED ["a"]'])
    [exchange] = result["exchanges"]
    assert (exchange["request"]["body"], exchange["response"]["status"]) == ("REDACTED", 201)
    assert DestinationFunction.objects.count() == 0


def test_a_private_address_is_out_of_reach(space: Space, settings: Any) -> None:
    settings.ENGAGE_ALLOWED_NETWORKS = []
    code = 'async function onTrack() { await fetch("http://169.254.169.254/latest/meta-data/"); }'

    result = try_function(space=space, code=code, settings=[], values={}, event=audience_event())

    assert result["outcome"] == "failed"
    assert result["exchanges"][0]["response"] is None


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.key)
def test_the_templates_can_be_saved_as_they_are(space: Space, template: Any) -> None:
    function = make_function(space, template.code, TEMPLATE_SETTINGS)

    assert function.handlers == handlers_of(template.code)


def test_functions_over_the_api(space: Space, owner: User, api_for: Callable[..., APIClient]) -> None:
    url = f"/api/v1/spaces/{space.slug}/functions/"
    api = api_for(owner)

    made = api.post(url, {"name": "Mine", "code": CODE, "settings": [KEY]}, format="json")
    one = f"{url}{made.json()['id']}/"
    saved = api.patch(one, {"code": f"{CODE}\n// changed"}, format="json")
    restored = api.post(f"{one}restore/", {"version": 1}, format="json")
    versions = api.get(f"{one}versions/")
    tried = api.post(
        f"{url}test/",
        {"code": CODE, "settings": [KEY], "values": {"key": "k"}, "event": audience_event()},
        format="json",
    )
    destination = api.post(
        f"/api/v1/spaces/{space.slug}/destinations/",
        {"name": "Mine", "connector": made.json()["connector"], "settings": {"key": "k"}},
        format="json",
    )

    assert (made.status_code, made.json()["handlers"], made.json()["version"]) == (201, ["onTrack"], 1)
    assert (saved.json()["version"], restored.json()["version"], restored.json()["code"]) == (2, 3, CODE)
    assert [row["number"] for row in versions.json()["results"]] == [3, 2, 1]
    assert (tried.json()["outcome"], tried.json()["logs"]) == ("delivered", ["Audience Entered REDACTED"])
    assert (destination.status_code, destination.json()["kind"]) == (201, "event")
    assert api.delete(one).status_code == 409
    assert [row["name"] for row in api.get(url).json()["results"]] == ["Mine"]


def test_a_function_is_written_tried_saved_and_restored_on_its_page(
    space: Space, owner: User, client_for: Callable[[User], Client]
) -> None:
    client = client_for(owner)
    base = f"/s/{space.slug}/functions/"
    given = {
        "name": "Page function",
        "code": CODE,
        "setting_key": ["key", ""],
        "setting_type": ["secret", "text"],
        "setting_required": ["1", ""],
        "setting_value": ["v4lue", ""],
    }

    fresh = client.get(f"{base}new/")
    tried = client.post(f"{base}new/", {**given, "do": "test"})
    saved = client.post(f"{base}new/", {**given, "do": "save"})
    function = DestinationFunction.objects.get()
    again = client.post(f"{base}{function.public_id}/", {**given, "code": f"{CODE}//2", "based_on": "1", "do": "save"})
    version = client.get(f"{base}{function.public_id}/versions/1/")
    restored = client.post(f"{base}{function.public_id}/versions/1/restore/")
    editor = client.get(f"{base}{function.public_id}/")
    catalog = client.get(f"/s/{space.slug}/destinations/new/")

    assert "async function onTrack" in fresh.content.decode()
    assert 'data-outcome="delivered"' in tried.content.decode()
    assert "Audience Entered REDACTED" in tried.content.decode()
    assert (saved.status_code, again.status_code, version.status_code, restored.status_code) == (302, 302, 200, 302)
    function.refresh_from_db()
    assert (function.version, function.code) == (3, CODE)
    assert function.settings[0]["secret"] is True
    assert editor.status_code == 200
    assert "Page function" in catalog.content.decode()


def test_code_that_cannot_be_run_is_told_at_its_field(
    space: Space, owner: User, client_for: Callable[[User], Client]
) -> None:
    answer = client_for(owner).post(
        f"/s/{space.slug}/functions/new/", {"name": "A", "code": "function onTrack( {", "do": "save"}
    )

    assert answer.status_code == 422
    assert "Line 1: SyntaxError" in answer.content.decode()
