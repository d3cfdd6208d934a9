from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from destinations import catalog
from destinations.conformance.running import NO_CONNECTOR, refused_ids, run_case, run_file

CASES = Path(__file__).parent / "cases"
FRAMEWORK = json.loads((CASES / "framework.json").read_text(encoding="utf-8"))["vectors"]
CONNECTORS = json.loads((CASES / "connector.json").read_text(encoding="utf-8"))["vectors"]


def named(cases: list[Any]) -> list[Any]:
    return [pytest.param(case, id=case["id"]) for case in cases if case["id"] not in refused_ids()]


def test_all_cases_are_there() -> None:
    assert (len(FRAMEWORK), len(CONNECTORS)) == (169, 62)


@pytest.mark.parametrize("case", named(FRAMEWORK))
def test_the_framework_does_what_the_reference_does(case: dict[str, Any]) -> None:
    assert run_case(case, {}) == ""


@pytest.mark.parametrize("case", named([case for case in CONNECTORS if catalog.named(case["destination"])]))
def test_a_connector_makes_the_requests_of_the_reference(case: dict[str, Any]) -> None:
    assert run_case(case, {}) == ""


def test_a_connector_that_is_missing_is_named() -> None:
    case = {"id": "x", "kind": "event", "destination": "no-such-tool"}

    assert run_case(case, {}) == f"{NO_CONNECTOR}: no-such-tool"


def test_a_file_is_counted_by_tier(tmp_path: Path) -> None:
    right = {"id": "a", "kind": "error_code", "tier": "core", "status": 404, "expected": "NOT_FOUND"}
    wrong = {"id": "b", "kind": "error_code", "tier": "edge", "status": 404, "expected": "GONE"}
    quirk = {"id": "path-060", "kind": "error_code", "tier": "quirk", "status": 404, "expected": "GONE"}
    path = tmp_path / "cases.json"
    path.write_text(json.dumps({"vectors": [right, wrong, quirk]}))

    report = run_file(path)

    assert report["tiers"] == {
        "core": {"passed": 1, "cases": 1},
        "edge": {"passed": 0, "cases": 1},
        "quirk": {"passed": 0, "cases": 1},
    }
    assert (report["failed"], report["refused"]) == (["b"], ["path-060"])
    assert report["why"] == {"b": 'the name: "NOT_FOUND" instead of "GONE"'}


def test_a_file_with_wrong_requests_says_what_differs() -> None:
    case = next(case for case in CONNECTORS if case["id"] == "webhook-007")
    changed = {**case, "expected_requests": [{**case["expected_requests"][0], "method": "PUT"}]}

    assert run_case(changed, {}).startswith("the requests are [")
