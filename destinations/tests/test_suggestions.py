from __future__ import annotations

from typing import Any

from destinations.kit.definition import Action
from destinations.kit.tables import person
from destinations.suggestions import suggest
from destinations.tests.builders import audience_event
from engine.mapping.fields import Field


def action(*fields: Field) -> Action:
    return Action(key="send", title="Send", perform=lambda _context, _payload: None, fields=fields)  # type: ignore[arg-type,return-value]


def text_field(key: str, **more: Any) -> Field:
    return Field(key=key, label=key.replace("_", " ").title(), **more)


def test_fields_are_filled_by_their_names() -> None:
    """ux.md §6: "Suggest" fills unmapped rows by name."""
    event = audience_event(context={"traits": {"firstName": "Ada"}}, timestamp="2024-01-01T00:00:00.000Z")

    found = suggest(action(text_field("first_name"), text_field("external_id"), text_field("timestamp")), {}, event)

    assert found == {
        "first_name": person("firstName"),
        "external_id": {"@path": "$.userId"},
        "timestamp": {"@path": "$.timestamp"},
    }


def test_words_that_mean_the_same_are_found() -> None:
    event = {"type": "identify", "traits": {"phone": "123", "email": "a@example.org"}}

    found = suggest(action(text_field("mobile_phone"), text_field("emailAddress")), {}, event)

    assert found == {"mobile_phone": person("phone"), "emailAddress": person("email")}


def test_what_is_mapped_already_is_left_alone() -> None:
    event = {"type": "identify", "traits": {"email": "a@example.org"}}

    assert suggest(action(text_field("email")), {"email": {"@path": "$.properties.mail"}}, event) == {}


def test_the_default_of_a_field_comes_first() -> None:
    field = text_field("email", default={"@path": "$.context.traits.email"})

    assert suggest(action(field), {}, {"type": "identify", "traits": {"email": "a"}}) == {
        "email": {"@path": "$.context.traits.email"}
    }


def test_a_value_of_another_type_does_not_fit() -> None:
    event = {"type": "track", "properties": {"total": "12", "items": [1], "paid": True}}
    fields = (
        text_field("total", type="number"),
        text_field("items", type="object"),
        text_field("paid", type="boolean"),
    )

    assert suggest(action(*fields), {}, event) == {"paid": person("paid")}


def test_traits_of_the_space_count_when_the_event_lacks_them() -> None:
    found = suggest(action(text_field("plan")), {}, {"type": "track"}, traits=["plan", "address.city"])

    assert found == {"plan": person("plan")}


def test_hidden_and_steering_fields_are_left_alone() -> None:
    fields = (text_field("batch_keys", hidden=True), text_field("batch_size", type="number"))

    assert suggest(action(*fields), {}, {"type": "track", "properties": {"batch_size": 1, "batch_keys": "x"}}) == {}
