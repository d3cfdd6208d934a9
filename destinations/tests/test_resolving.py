from __future__ import annotations

from typing import Any

import pytest

from destinations.resolving import MappingProblem, compile_mapping
from engine.mapping.fields import Clause, Condition, Field

DATA = Field(key="data", label="Data", type="object", additional_properties=True)
METHOD = Field(key="method", label="Method", required=True)


def test_objects_of_any_shape_pass_as_they_are() -> None:
    resolver = compile_mapping({"method": "POST", "data": {"@path": "$."}}, (METHOD, DATA))
    event = {"type": "track", "properties": {"total": 1.5, "empty": "", "none": None}}

    payload = resolver.payload(event)

    assert payload == {"method": "POST", "data": event}
    assert payload["data"] is event


@pytest.mark.parametrize(
    ("event", "expected"),
    [({"properties": None}, {"method": "POST"}), ({}, {"method": "POST"}), ({"properties": ""}, {"method": "POST"})],
)
def test_empty_values_for_an_object_are_left_out(event: dict[str, Any], expected: dict[str, Any]) -> None:
    resolver = compile_mapping({"method": "POST", "data": {"@path": "$.properties"}}, (METHOD, DATA))

    assert resolver.payload(event) == expected


def test_text_for_an_object_is_refused() -> None:
    resolver = compile_mapping({"method": "POST", "data": {"@path": "$.event"}}, (METHOD, DATA))

    with pytest.raises(MappingProblem, match="Data must be an object but it was a string"):
        resolver.payload({"event": "Order Completed"})


@pytest.mark.parametrize(
    "required", [True, Condition(clauses=(Clause(field="type", value="track"),))], ids=["always", "on a condition"]
)
def test_missing_members_are_found_beside_objects(required: bool | Condition) -> None:
    kind = Field(key="type", label="Type")
    fields = (DATA, kind, Field(key="other", label="Other", required=required))
    resolver = compile_mapping({"type": "track", "data": {"@path": "$."}}, fields)

    with pytest.raises(MappingProblem, match="missing the required field 'other'"):
        resolver.payload({"type": "track"})
