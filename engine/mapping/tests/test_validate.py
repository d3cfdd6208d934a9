from __future__ import annotations

from typing import Any

import pytest

from engine import mapping


def test_all_problems_are_listed_with_their_place() -> None:
    problems = mapping.validate(
        {
            "email": {"@if": {"exists": {"@path": 5}, "then": {"@pth": "$.x"}}},
            "a/b": {"@replace": {"pattern": "12345678901", "value": 1}},
            "both": {"@path": "$.a", "@template": "x"},
            "beside": {"@path": "$.a", "other": 1},
            "merged": {"@merge": {"direction": "up", "objects": [[1], {"x": {"@json": {"value": 1}}}]}},
        }
    )

    assert [problem.path for problem in problems] == [
        "/email/@if/exists/@path",
        "/email/@if/then",
        "/a~1b/@replace/pattern",
        "/a~1b/@replace/value",
        "/both",
        "/beside",
        "/merged/@merge/direction",
        "/merged/@merge/objects/0",
        "/merged/@merge/objects/1/x/@json",
    ]


def test_compiling_a_bad_mapping_carries_every_problem() -> None:
    with pytest.raises(mapping.MappingError) as failure:
        mapping.compile({"a": {"@path": 1}, "b": {"@liquid": 2}})

    assert failure.value.path == "/a/@path"
    assert failure.value.phase == "validation"
    assert [problem.path for problem in failure.value.problems] == ["/a/@path", "/b/@liquid"]


@pytest.mark.parametrize("value", [None, [], "x", 5])
def test_mapping_has_to_be_an_object(value: Any) -> None:
    assert [problem.path for problem in mapping.validate(value)] == [""]


def test_nesting_has_a_limit() -> None:
    nested: Any = "x"
    for _ in range(5_000):
        nested = {"@literal": nested}

    assert [problem.message for problem in mapping.validate({"deep": nested})] == [
        "The mapping is nested more than 100 levels deep."
    ]


def test_deep_lists_are_refused_when_compiled() -> None:
    nested: Any = "x"
    for _ in range(500):
        nested = [nested]

    with pytest.raises(mapping.MappingError, match="100 levels"):
        mapping.compile({"deep": nested})
