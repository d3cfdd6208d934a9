from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from common.errors import InvalidError
from destinations.rendering import render

EVENT = {"type": "track", "event": "Audience Entered", "userId": "u1", "context": {}}
GIVEN = {
    "connector": "webhook",
    "action": "send",
    "settings": {"url": "https://hooks.example/in"},
    "mapping": {"method": "PUT", "data": {"id": {"@path": "$.userId"}}},
    "events": [EVENT],
}


def test_a_mapping_is_rendered_as_it_would_be_sent() -> None:
    rendering = render(GIVEN)

    assert rendering.requests == [
        {
            "method": "PUT",
            "url": "https://hooks.example/in",
            "headers": {"Content-Type": "application/json"},
            "body": '{"id":"u1"}',
        }
    ]
    assert rendering.reasons == []


def test_without_a_mapping_it_is_the_one_of_a_new_mapping() -> None:
    rendering = render({**GIVEN, "mapping": None})

    assert rendering.requests[0]["method"] == "POST"
    assert json.loads(rendering.requests[0]["body"]) == EVENT


def test_events_go_together_where_the_mapping_says_so() -> None:
    mapping = {**GIVEN["mapping"], "enable_batching": True}

    rendering = render({**GIVEN, "mapping": mapping, "events": [EVENT, {**EVENT, "userId": "u2"}]})

    assert [request["body"] for request in rendering.requests] == ['[{"id":"u1"},{"id":"u2"}]']


def test_an_event_that_makes_no_request_says_why() -> None:
    rendering = render({**GIVEN, "trigger": 'type = "identify"'})

    assert rendering.requests == []
    assert rendering.reasons == ["event 0: not subscribed"]


def test_a_missing_field_is_named() -> None:
    rendering = render({**GIVEN, "mapping": {"data": {}}})

    assert rendering.requests == []
    assert "'method'" in rendering.reasons[0]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"connector": "nope"}, "/connector"),
        ({"action": "nope"}, "/action"),
        ({"settings": []}, "/settings"),
        ({"mapping": "x"}, "/mapping"),
        ({"events": []}, "/events"),
        ({"events": [1]}, "/events"),
        ({"mode": "some"}, "/mode"),
        ({"trigger": "(("}, "/trigger"),
        ({"mapping": {"data": {"@path": 1}}}, "/mapping"),
    ],
)
def test_odd_input_is_refused_at_its_place(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidError) as refusal:
        render({**GIVEN, **changes})

    assert [error.path for error in refusal.value.errors] == [path]


def test_everything_wrong_is_named_at_once() -> None:
    with pytest.raises(InvalidError) as refusal:
        render({"settings": 1})

    assert [error.path for error in refusal.value.errors] == ["/connector", "/settings", "/events"]


def test_the_command_reads_and_prints_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(GIVEN)))
    printed = io.StringIO()

    call_command("render_action", stdout=printed)

    assert json.loads(printed.getvalue())[0]["body"] == '{"id":"u1"}'


def test_the_command_refuses_what_is_no_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("{"))

    with pytest.raises(CommandError, match="not valid JSON"):
        call_command("render_action")
