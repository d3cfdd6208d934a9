from __future__ import annotations

from typing import Any

import pytest

from destinations.kit.definition import SYNC_MODE_KEY, Context
from destinations.kit.http import Request
from destinations.kit.tables import Table, expanded, label_of, person
from engine import mapping
from engine.mapping.fields import Clause, Condition


def send(_context: Context, _payload: dict[str, Any]) -> Request:
    return Request(method="GET", url="https://x.example/")


@pytest.mark.parametrize(
    ("key", "label"), [("first_name", "First name"), ("firstName", "First name"), ("_update", "Update"), ("id", "Id")]
)
def test_labels_are_made_of_keys(key: str, label: str) -> None:
    assert label_of(key) == label


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"traits": {"email": "a"}, "properties": {"email": "b"}}, "a"),
        ({"context": {"traits": {"email": "c"}}, "properties": {"email": "b"}}, "c"),
        ({"properties": {"email": "b"}}, "b"),
    ],
)
def test_a_person_is_looked_for_everywhere(event: dict[str, Any], expected: str) -> None:
    assert mapping.compile({"f": person("email")}).resolve(event) == {"f": expected}


def test_shorthands_are_written_out_at_any_depth() -> None:
    assert expanded({"a": [{"@first": ["$.x", "$.y"]}]}) == {
        "a": [{"@if": {"exists": {"@path": "$.x"}, "then": {"@path": "$.x"}, "else": {"@path": "$.y"}}}]
    }


def test_an_action_is_read_with_its_fields() -> None:
    table = Table(
        {
            "actions": {
                "send": {
                    "title": "Send",
                    "trigger": 'type = "track"',
                    "sync_mode": {"default": "add", "choices": ["add", "mirror"]},
                    "fields": {
                        "kind": {"choices": [{"value": "a", "label": "A"}], "default": "a"},
                        "name": {
                            "depends_on": {"conditions": [{"fieldKey": "kind", "operator": "is", "value": "a"}]},
                            "secret": True,
                        },
                        "who": {"type": "object", "properties": {"first_name": {"required": True}}},
                    },
                }
            }
        }
    )

    action = table.action("send", perform=send)

    kind, name, who = action.fields
    assert (action.title, action.default_trigger) == ("Send", 'type = "track"')
    assert action.default_fields() == {"kind": "a", SYNC_MODE_KEY: "add"}
    assert kind.choice_values == ("a",)
    assert name.depends_on == Condition(clauses=(Clause(field="kind", operator="is", value="a"),))
    assert name.is_secret
    assert who.properties is not None
    assert (who.properties[0].label, who.properties[0].required) == ("First name", True)


@pytest.mark.parametrize(
    ("data", "message"), [({"action": {}}, "unknown member 'action'"), ({"actions": {}}, "no action 'send'")]
)
def test_mistakes_are_named(data: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Table(data).action("send", perform=send)
