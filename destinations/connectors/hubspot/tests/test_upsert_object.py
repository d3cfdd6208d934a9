from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.hubspot import definition
from destinations.connectors.hubspot.object_schema import type_of
from destinations.kit.definition import SYNC_MODE_KEY, Token
from destinations.kit.testing import Rule, answer, run_action, track

API = "https://api.hubapi.com/crm"
OBJECTS, PROPERTIES, LISTS = f"{API}/v3/objects/contact", f"{API}/v3/properties/contact", f"{API}/v3/lists"
KNOWN = Rule(url=PROPERTIES, method="GET", response=answer(200, {"results": [{"name": "vip", "type": "enumeration"}]}))


def rows(*pairs: tuple[str, str]) -> Any:
    return answer(200, {"results": [{"id": one, "properties": {"email": email}} for one, email in pairs]})


def run(*events: dict[str, Any], rules: tuple[Rule, ...] = (), mode: str = "upsert", **mapping: Any) -> Any:
    return run_action(
        definition,
        "upsertObject",
        token=Token(access_token="pat-1"),
        events=events,
        mapping={"properties": {"VIP": {"@path": "$.properties.vip"}}, SYNC_MODE_KEY: mode, **mapping},
        responses=[*rules, KNOWN],
        trigger="",
        as_batch=True,
    )


def test_records_are_upserted_and_follow_the_audience_on_a_list() -> None:
    told = {"connected_to_engage_audience": True, "should_create_list": True}
    rules = (
        Rule(url=f"{OBJECTS}/batch/upsert", response=rows(("1", "a@example.org"), ("2", "b@example.org"))),
        Rule(url=f"{LISTS}/object-type-id", response=answer(404, {})),
        Rule(url=LISTS, method="POST", response=answer(200, {"list": {"listId": "9", "processingType": "MANUAL"}})),
    )

    ran = run(track(email="a@example.org"), track(email="b@example.org", entered=False), rules=rules, list_details=told)

    assert ran.calls == [
        f"GET {PROPERTIES}",
        f"POST {OBJECTS}/batch/upsert",
        f"GET {LISTS}/object-type-id/contact/name/vip",
        f"POST {LISTS}",
        f"PUT {LISTS}/9/memberships/add-and-remove",
    ]
    assert ran.bodies[1]["inputs"][0] == {
        "idProperty": "email",
        "id": "a@example.org",
        "properties": {"vip": True, "email": "a@example.org"},
    }
    assert ran.bodies[3] == {"name": "vip", "objectTypeId": "contact", "processingType": "MANUAL"}
    assert ran.bodies[4] == {"recordIdsToAdd": ["1"], "recordIdsToRemove": ["2"]}
    assert ran.outcomes == ["delivered", "delivered"]


def test_update_touches_only_what_is_there() -> None:
    read = Rule(url=f"{OBJECTS}/batch/read", response=rows(("1", "a@example.org")))

    ran = run(track(email="a@example.org"), track(email="b@example.org"), rules=(read,), mode="update")

    assert ran.bodies[2] == {"inputs": [{"id": "1", "properties": {"vip": True}}]}
    assert len(ran.calls) == 3


def test_add_creates_only_what_is_missing() -> None:
    read = Rule(url=f"{OBJECTS}/batch/read", response=rows(("1", "a@example.org")))

    ran = run(track(email="a@example.org"), track(email="b@example.org"), rules=(read,), mode="add")

    assert ran.calls[2] == f"POST {OBJECTS}/batch/create"
    assert ran.bodies[2] == {"inputs": [{"properties": {"vip": True, "email": "b@example.org"}}]}


def test_the_newer_of_two_changes_wins() -> None:
    older, newer = track(entered=True), {**track(entered=False), "timestamp": "2024-06-01T00:00:00Z"}

    ran = run(newer, older)

    assert [one["properties"]["vip"] for one in ran.bodies[1]["inputs"]] == [False]
    assert ran.outcomes == ["delivered", "delivered"]


def test_missing_properties_are_created_in_the_chosen_group() -> None:
    details = {"object_type": "contact", "id_field_name": "email", "id_field_value": "a@b.co", "property_group": "g"}

    ran = run(track(), object_details=details, properties={"Spent €": 5, "since": "2024-01-02"})

    assert ran.calls[1] == f"POST {PROPERTIES}/batch/create"
    assert ran.bodies[1]["inputs"] == [
        {"name": "spent__", "label": "spent__", "groupName": "g", "type": "number", "fieldType": "number"},
        {"name": "since", "label": "since", "groupName": "g", "type": "date", "fieldType": "date"},
    ]


@pytest.mark.parametrize("properties", [{"new": 1}, {"vip": "gold"}, {"1st": 1}])
def test_properties_that_do_not_fit_are_refused(properties: dict[str, Any]) -> None:
    ran = run(track(), properties=properties)

    assert ran.verdict.status == 400
    assert not any("batch" in call for call in ran.calls)


def test_records_are_associated() -> None:
    link = {
        "object_type": "p1_car",
        "association_label": "USER_DEFINED:3",
        "id_field_name": "plate",
        "id_field_value": "AB",
    }
    made = answer(200, {"results": [{"id": "77", "properties": {"plate": "AB"}}]})
    rules = (
        Rule(url=f"{OBJECTS}/batch/upsert", response=rows(("1", "ann@example.org"))),
        Rule(url=f"{API}/v3/objects/p1_car/batch/upsert", response=made),
    )

    ran = run(track(), rules=rules, associations=[link])

    assert ran.calls[3] == f"POST {API}/v4/associations/contact/p1_car/batch/create"
    assert ran.bodies[3] == {
        "inputs": [
            {
                "types": [{"associationCategory": "USER_DEFINED", "associationTypeId": 3}],
                "from": {"id": "1"},
                "to": {"id": "77"},
            }
        ]
    }


@pytest.mark.parametrize(("status", "outcome"), [(400, "failed"), (429, "retry"), (502, "retry")])
def test_a_failing_vendor(status: int, outcome: str) -> None:
    ran = run(track(), rules=(Rule(url=f"{OBJECTS}/batch/upsert", response=answer(status, "no")),))

    assert (ran.verdict.outcome, ran.verdict.status) == (outcome, status)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, ("enumeration", "booleancheckbox")),
        (1.5, ("number", "number")),
        ("2024-01-02T03:04:05Z", ("datetime", "date")),
        ("2024-13-02", ("string", "text")),
        ("x", ("string", "text")),
    ],
)
def test_types_are_told_by_values(value: Any, kind: tuple[str, str]) -> None:
    assert type_of(value) == kind
