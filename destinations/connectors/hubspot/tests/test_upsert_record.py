from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from destinations.connectors.hubspot import choices, definition
from destinations.kit.conversation import converse
from destinations.kit.definition import Context, Token
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import Request, Response
from destinations.kit.testing import Recording, Rule, answer, run_action, track
from engine.mapping.fields import Choice

OBJECTS = "https://api.hubapi.com/crm/v3/objects"
LINK = {
    "toObjectType": "p1_shop",
    "associationLabel": "USER_DEFINED:15",
    "searchFieldsToAssociateCustomObjects": {"code": "x"},
}


def record(*rules: Rule, **mapping: Any) -> Any:
    return run_action(
        definition,
        "upsertCustomObjectRecord",
        token=Token(access_token="pat-1"),
        events=[track()],
        mapping={"objectType": "p1_car", "properties": {"color": "red", "tags": ["a", "b"]}, **mapping},
        responses=rules,
    )


def hit(object_type: str, *ids: str) -> Rule:
    body = {"total": len(ids), "results": [{"id": one} for one in ids]}
    return Rule(url=f"{OBJECTS}/{object_type}/search", response=answer(200, body))


def asked(fetch: Callable[..., Any], payload: dict[str, Any], response: Response) -> tuple[Any, list[Request]]:
    recording = Recording([response])
    _verdict, result = recording.run(converse(lambda known: fetch(known, payload), Context(settings={})))
    return result, recording.requests


def test_without_search_fields_a_record_is_created() -> None:
    ran = record()

    assert ran.calls == [f"POST {OBJECTS}/p1_car"]
    assert ran.bodies == [{"properties": {"color": "red", "tags": "a;b"}, "associations": []}]


def test_a_record_that_is_found_is_updated_and_associated() -> None:
    ran = record(hit("p1_car", "1"), hit("p1_shop", "2"), customObjectSearchFields={"plate": "AB"}, **LINK)

    assert ran.calls[2:] == [
        f"PATCH {OBJECTS}/p1_car/1",
        "PUT https://api.hubapi.com/crm/v4/objects/p1_car/1/associations/p1_shop/2",
    ]
    assert ran.bodies[3] == [{"associationCategory": "USER_DEFINED", "associationTypeId": 15}]


def test_a_new_record_is_associated_at_once() -> None:
    ran = record(hit("p1_car"), hit("p1_shop", "2"), customObjectSearchFields={"plate": "AB"}, **LINK)

    assert ran.bodies[2]["associations"] == [
        {"to": {"id": "2"}, "types": [{"associationCategory": "USER_DEFINED", "associationTypeId": 15}]}
    ]


def test_no_record_is_created_when_that_is_switched_off() -> None:
    ran = record(hit("p1_car"), customObjectSearchFields={"plate": "AB"}, createNewCustomRecord=False)

    assert ran.calls == [f"POST {OBJECTS}/p1_car/search"]
    assert ran.outcomes == ["delivered"]


@pytest.mark.parametrize("rule", [hit("p1_car", "1", "2"), Rule(url=f"{OBJECTS}/p1_car/search", response=answer(400))])
def test_a_search_that_cannot_decide_changes_nothing(rule: Rule) -> None:
    ran = record(rule, customObjectSearchFields={"plate": "AB"})

    assert ran.calls == [f"POST {OBJECTS}/p1_car/search"]
    assert ran.outcomes == ["INTEGRATION_ERROR"]


def test_object_types_events_and_labels_are_offered() -> None:
    schemas = answer(200, {"results": [{"fullyQualifiedName": "p1_car", "labels": {"plural": "Cars"}}]})
    events = answer(200, {"results": [{"fullyQualifiedName": "pe1_x", "labels": {"singular": "X"}}]})
    labels = answer(200, {"results": [{"category": "USER_DEFINED", "typeId": 3, "label": "Owner"}]})
    pair = {"objectType": "p1_car", "toObjectType": "contacts"}

    types, _requests = asked(choices.object_types, {}, schemas)
    names, _requests = asked(choices.event_names, {}, events)
    found, requests = asked(choices.association_labels, pair, labels)

    assert types[0] == Choice(value="p1_car", label="Cars")
    assert names == [Choice(value="pe1_x", label="X")]
    assert [one.url for one in requests] == ["https://api.hubapi.com/crm/v4/associations/p1_car/contacts/labels"]
    assert found == [Choice(value="USER_DEFINED:3", label="Owner")]


def test_labels_need_both_object_types() -> None:
    with pytest.raises(PayloadValidationError):
        next(choices.association_labels(Context(settings={}), {"objectType": "p1_car"}))
