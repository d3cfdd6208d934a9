"""Cases of triggers (validate, parse, generate) and mappings (transform, transform_batch, field_keys)."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from destinations.conformance.comparing import as_json
from engine import fql
from engine import mapping as mapping_kit

KINDS = ("validate", "parse", "generate", "transform", "transform_batch", "field_keys")


def check(case: Mapping[str, Any], payloads: Mapping[str, Any]) -> str:
    """What differs from the recorded outcome; "" when nothing does. `payloads` are those of the file, by name."""
    match case["kind"]:
        case "validate":
            return _check_validate(case, payloads)
        case "parse":
            return _check_parse(case)
        case "generate":
            return _check_generate(case)
        case "transform":
            return _check_transform(case, payloads)
        case "transform_batch":
            return _check_transform_batch(case)
        case _:
            return _differs(mapping_kit.field_keys(case["mapping"]), case["expected"])


def _differs(found: Any, expected: Any) -> str:
    return "" if as_json(found) == as_json(expected) else f"{as_json(found)} instead of {as_json(expected)}"


def _arguments(case: Mapping[str, Any], payloads: Mapping[str, Any]) -> tuple[Any, ...]:
    if case.get("payload_absent"):
        return ()
    return (copy.deepcopy(payloads[case["payload_ref"]] if "payload_ref" in case else case.get("payload")),)


def _check_validate(case: Mapping[str, Any], payloads: Mapping[str, Any]) -> str:
    arguments = _arguments(case, payloads)
    if case.get("expected_parse_error"):
        return "" if _refuses(lambda: fql.parse(case["fql"])) else "it parses"
    if "expected_error" in case:
        try:
            fql.parse(case["fql"]).matches(*arguments)
        except (TypeError, fql.FqlError):
            return ""
        return "it is evaluated"
    return _differs(fql.validate(case["fql"], *arguments), case["expected"])


def _check_parse(case: Mapping[str, Any]) -> str:
    if "expected_error" in case:
        return "" if _refuses(lambda: fql.parse(case["fql"])) else "it parses"
    return _differs(fql.parse(case["fql"]).tree, case["expected_ast"])


def _check_generate(case: Mapping[str, Any]) -> str:
    if "expected_error" in case:
        return "" if _refuses(lambda: fql.generate(case["ast"])) else "it is written"
    written = fql.generate(case["ast"])
    wrong = _differs(written, case["expected_fql"])
    if not wrong and case.get("round_trip") == "same":
        return _differs(fql.parse(written).tree, case["ast"])
    return wrong


def _refuses(make: Any) -> bool:
    try:
        make()
    except fql.FqlError:
        return True
    return False


def _check_transform(case: Mapping[str, Any], payloads: Mapping[str, Any]) -> str:
    try:
        found = mapping_kit.compile(case["mapping"]).resolve(*_arguments(case, payloads))
    except mapping_kit.MappingError as error:
        return _check_phase(case, error)
    if "expected_error" in case:
        return "it is resolved"
    if case.get("expected_undefined"):
        return "" if found is mapping_kit.UNDEFINED else "it has a value"
    return _differs(found, case["expected"])


def _check_transform_batch(case: Mapping[str, Any]) -> str:
    try:
        compiled = mapping_kit.compile(case["mapping"])
        found = [compiled.resolve(copy.deepcopy(event)) for event in case["payloads"]]
    except mapping_kit.MappingError as error:
        return _check_phase(case, error)
    return "it is resolved" if "expected_error" in case else _differs(found, case["expected"])


def _check_phase(case: Mapping[str, Any], error: mapping_kit.MappingError) -> str:
    if "expected_error" not in case:
        return f"it fails: {error}"
    return _differs(error.phase, case["expected_error"]["phase"])
