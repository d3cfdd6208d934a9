from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from engine import mapping

CASES = json.loads((Path(__file__).parent / "cases" / "mapping.json").read_text(encoding="utf-8"))


def cases(kind: str, key: str) -> list[Any]:
    found = [case for case in CASES["vectors"] if case["kind"] == kind and key in case]
    return [pytest.param(case, id=case["id"]) for case in found]


def arguments_of(case: dict[str, Any]) -> tuple[Any, ...]:
    if case.get("payload_absent"):
        return ()
    payload = CASES["payloads"][case["payload_ref"]] if "payload_ref" in case else case.get("payload")
    return (copy.deepcopy(payload),)


def as_json(value: Any) -> str:
    """Tells true from 1 but not 7 from 7.0, as JSON does."""

    def plain(item: Any) -> Any:
        if isinstance(item, dict):
            return {key: plain(member) for key, member in item.items()}
        if isinstance(item, list):
            return [plain(member) for member in item]
        return int(item) if isinstance(item, float) and item == int(item) else item

    return json.dumps(plain(value), sort_keys=True)


def test_all_cases_are_there() -> None:
    assert len(CASES["vectors"]) == 221


@pytest.mark.parametrize("case", cases("transform", "expected"))
def test_mapping_gives_the_payload_of_the_reference(case: dict[str, Any]) -> None:
    payload = mapping.compile(case["mapping"]).resolve(*arguments_of(case))

    assert as_json(payload) == as_json(case["expected"])


@pytest.mark.parametrize("case", cases("transform", "expected_undefined"))
def test_root_directive_may_give_nothing(case: dict[str, Any]) -> None:
    assert mapping.compile(case["mapping"]).resolve(*arguments_of(case)) is mapping.UNDEFINED


@pytest.mark.parametrize("case", cases("transform", "expected_error"))
def test_failure_comes_in_the_phase_of_the_reference(case: dict[str, Any]) -> None:
    with pytest.raises(mapping.MappingError) as failure:
        mapping.resolve(case["mapping"], *arguments_of(case))

    assert failure.value.phase == case["expected_error"]["phase"]


@pytest.mark.parametrize("case", cases("transform_batch", "expected"))
def test_batch_is_resolved_event_by_event(case: dict[str, Any]) -> None:
    compiled = mapping.compile(case["mapping"])

    assert as_json([compiled.resolve(event) for event in case["payloads"]]) == as_json(case["expected"])


@pytest.mark.parametrize("case", cases("transform_batch", "expected_error"))
def test_batch_fails_with_its_first_bad_event(case: dict[str, Any]) -> None:
    with pytest.raises(mapping.MappingError) as failure:
        _ = [mapping.compile(case["mapping"]).resolve(event) for event in case["payloads"]]

    assert failure.value.phase == case["expected_error"]["phase"]


@pytest.mark.parametrize("case", cases("field_keys", "expected"))
def test_keys_of_a_mapping_are_those_of_the_reference(case: dict[str, Any]) -> None:
    assert mapping.field_keys(case["mapping"]) == case["expected"]
