from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine import mapping
from engine.mapping.fields import Clause, Condition, Field, fields_from_json
from engine.mapping.payload import PayloadError, condition_holds, prepare_payload

CASES = json.loads((Path(__file__).parent / "cases" / "framework.json").read_text(encoding="utf-8"))
RESERVED = ("__segment_internal_sync_mode", "__segment_internal_matching_key")


def cases(key: str) -> list[Any]:
    found = [case for case in CASES["vectors"] if case["kind"] == "action" and key in case]
    return [pytest.param(case, id=case["id"]) for case in found]


def resolved(case: dict[str, Any]) -> Any:
    fields = {key: value for key, value in case["mapping"].items() if key not in RESERVED}
    return mapping.resolve(fields, case["event"])


@pytest.mark.parametrize("case", cases("expected_payload"))
def test_payload_is_coerced_as_the_reference_does(case: dict[str, Any]) -> None:
    payload = prepare_payload(resolved(case), fields_from_json(case["fields"]))

    assert repr(payload) == repr(case["expected_payload"])


@pytest.mark.parametrize("case", cases("expected_error"))
def test_payload_the_reference_refuses_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(PayloadError) as failure:
        prepare_payload(resolved(case), fields_from_json(case["fields"]))

    assert failure.value.status == case["expected_error"]["status"]
    assert case["expected_error"]["message"].startswith(str(failure.value))


def test_every_problem_is_reported_at_its_place() -> None:
    fields = (
        Field(key="email", label="Email address", format="email", required=True),
        Field(key="age", label="Age", type="integer"),
        Field(
            key="items",
            label="Items",
            type="object",
            multiple=True,
            properties=(Field(key="sku", label="SKU", required=True),),
        ),
    )

    with pytest.raises(PayloadError) as failure:
        prepare_payload({"email": " a@b.co", "age": "x", "items": [{"sku": "A"}, {}]}, fields)

    assert [(problem.path, problem.message) for problem in failure.value.problems] == [
        ("/email", "Email address must be a valid email address string but it was not."),
        ("/age", "Age must be an integer but it was a string."),
        ("/items/1/sku", "The value at /items/1 is missing the required field 'sku'."),
    ]


def test_undeclared_members_are_dropped_and_free_objects_kept() -> None:
    fields = (
        Field(key="free", label="Free", type="object"),
        Field(key="open", label="Open", type="object", properties=(), additional_properties=True),
        Field(key="shut", label="Shut", type="object", properties=()),
    )
    event = {"free": {"a": None}, "open": {"b": 1}, "shut": {"c": 1}, "other": 1}

    payload = prepare_payload(event, fields)

    assert payload == {"free": {"a": None}, "open": {"b": 1}, "shut": {}}
    assert event == {"free": {"a": None}, "open": {"b": 1}, "shut": {"c": 1}, "other": 1}


def test_blank_text_is_kept_in_a_batch_only() -> None:
    fields = (Field(key="name", label="Name"),)

    assert prepare_payload({"name": ""}, fields) == {}
    assert prepare_payload({"name": ""}, fields, is_batch=True) == {"name": ""}


def test_a_field_with_a_default_mapping_can_be_hashed_and_used() -> None:
    field = Field(key="email", label="Email", default={"@path": "$.traits.email"})

    assert hash(field) == hash(field)
    assert prepare_payload({"email": "a@b.co"}, (field,)) == {"email": "a@b.co"}


@pytest.mark.parametrize(
    ("match", "payload", "expected"),
    [
        ("all", {"a": "on", "b": "on"}, True),
        ("all", {"a": "on"}, False),
        ("any", {"a": "on"}, True),
        ("any", {}, False),
    ],
)
def test_condition_on_other_fields(match: Any, payload: dict[str, Any], expected: bool) -> None:
    condition = Condition(match=match, clauses=(Clause(field="a", value="on"), Clause(field="b", value="on")))

    assert condition_holds(condition, payload) is expected


@pytest.mark.parametrize(
    ("value", "is_date"),
    [
        ("2024-05-06T07:08:09Z", True),
        ("2024-05-06", True),
        ("May 6, 2024", True),
        ("Mon, 06 May 2024 07:08:09 GMT", True),
        ("5/6/2024", True),
        ("1714979289", True),
        ("2024-13-06T07:08:09Z", False),
        ("yesterday", False),
        ("99999999999999", False),
    ],
)
def test_datetime_takes_what_reads_as_a_date(value: str, is_date: bool) -> None:
    fields = (Field(key="at", label="At", type="datetime"),)
    problems: tuple[Any, ...] = ()

    try:
        prepare_payload({"at": value}, fields)
    except PayloadError as error:
        problems = error.problems

    assert (not problems) is is_date
