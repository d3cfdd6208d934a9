from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine import fql

CASES = json.loads((Path(__file__).parent / "cases" / "fql.json").read_text(encoding="utf-8"))
# Refused on purpose: docs/quirks.md.
REFUSED = {"path-060"}


def cases(kind: str) -> list[Any]:
    found = [case for case in CASES["vectors"] if case["kind"] == kind and case["id"] not in REFUSED]
    return [pytest.param(case, id=case["id"]) for case in found]


def event_of(case: dict[str, Any]) -> Any:
    return CASES["payloads"][case["payload_ref"]] if "payload_ref" in case else case.get("payload")


def test_all_cases_are_there() -> None:
    assert len(CASES["vectors"]) == 410


@pytest.mark.parametrize("case", [c for c in cases("validate") if "expected" in c.values[0]])
def test_trigger_matches_as_the_reference_does(case: dict[str, Any]) -> None:
    events = () if case.get("payload_absent") else (event_of(case),)

    assert fql.validate(case["fql"], *events) is case["expected"]


@pytest.mark.parametrize("case", [c for c in cases("validate") if "expected_error" in c.values[0]])
def test_null_event_is_refused(case: dict[str, Any]) -> None:
    trigger = fql.parse(case["fql"])

    with pytest.raises(TypeError, match="has to be an object"):
        trigger.matches(event_of(case))


@pytest.mark.parametrize("case", [c for c in cases("validate") if "expected_parse_error" in c.values[0]])
def test_text_the_reference_rejects_does_not_parse(case: dict[str, Any]) -> None:
    with pytest.raises(fql.FqlError):
        fql.parse(case["fql"])


@pytest.mark.parametrize("case", [c for c in cases("parse") if "expected_ast" in c.values[0]])
def test_tree_is_the_one_of_the_reference(case: dict[str, Any]) -> None:
    assert fql.parse(case["fql"]).tree == case["expected_ast"]


@pytest.mark.parametrize("case", [c for c in cases("parse") if "expected_error" in c.values[0]])
def test_parse_error_of_the_reference_is_one_here(case: dict[str, Any]) -> None:
    with pytest.raises(fql.FqlError):
        fql.parse(case["fql"])


@pytest.mark.parametrize("case", [c for c in cases("generate") if "expected_fql" in c.values[0]])
def test_tree_is_written_as_the_reference_does(case: dict[str, Any]) -> None:
    assert fql.generate(case["ast"]) == case["expected_fql"]


@pytest.mark.parametrize("case", [c for c in cases("generate") if c.values[0].get("round_trip") == "same"])
def test_written_tree_comes_back(case: dict[str, Any]) -> None:
    assert fql.parse(fql.generate(case["ast"])).tree == case["ast"]


@pytest.mark.parametrize("case", [c for c in cases("generate") if "expected_error" in c.values[0]])
def test_broken_tree_is_not_written(case: dict[str, Any]) -> None:
    with pytest.raises(fql.FqlError):
        fql.generate(case["ast"])
