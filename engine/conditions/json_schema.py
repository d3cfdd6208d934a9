"""The JSON Schema of a condition, published as `/api/v1/schemas/condition.json`."""

from __future__ import annotations

from typing import Any

from engine.conditions.instants import UNITS
from engine.conditions.operators import DATES, LISTS, OPERATORS, ORDER, RELATIVE_DATES, TEXT
from engine.conditions.parsing import (
    COLLECTIONS,
    COUNT_OPERATORS,
    EVENT_TYPES,
    HIGHEST_COUNT,
    NODE_KEYS,
    QUANTIFIERS,
    VERSION,
)
from engine.conditions.parsing_values import LONGEST_NAME, LONGEST_VALUE, MOST_VALUES

Schema = dict[str, Any]


def schema() -> Schema:
    """JSON Schema 2020-12 of what `parse` accepts; parse also checks limits and dates that a schema cannot say."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Condition",
        **_object(
            {
                "version": {"const": VERSION},
                "collection": {"enum": list(COLLECTIONS)},
                "look_back": _ref("duration"),
                "where": _ref("node"),
            },
            required=["version", "collection", "where"],
        ),
        "$defs": _definitions(),
    }


def _definitions() -> Schema:
    name = {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}
    group = {"type": "array", "minItems": 1, "items": _ref("node")}
    event = {"event": name, "type": {"enum": list(EVENT_TYPES)}}
    tests = {"type": "array", "items": _ref("property_test")}
    return {
        "node": {"oneOf": [_ref(kind) for kind in NODE_KEYS]},
        "all": _object({"all": group}, required=["all"]),
        "any": _object({"any": group}, required=["any"]),
        "not": _object({"not": _ref("node")}, required=["not"]),
        "event": {
            **_object(
                {
                    **event,
                    "event": {"anyOf": [name, {"type": "null"}]},
                    "count": _ref("count"),
                    "window": _ref("window"),
                    "properties": tests,
                    "then": _ref("then"),
                },
                required=["event"],
            )
        },
        "then": _object(
            {
                **event,
                "event": {"anyOf": [name, {"type": "null"}]},
                "performed": {"type": "boolean"},
                "within": _ref("duration"),
                "properties": {"type": "array", "items": _ref("child_property_test")},
            },
            required=["event", "performed", "within"],
        ),
        "trait": _test("trait", _operators(allow_parent=False)),
        "property_test": _test("property", _operators(allow_parent=False)),
        "child_property_test": _test("property", _operators(allow_parent=True)),
        "audience": _object({"audience": name, "member": {"type": "boolean"}}, required=["audience", "member"]),
        "journey_step": _object(
            {"journey_step": name, "member": {"type": "boolean"}}, required=["journey_step", "member"]
        ),
        "users": _object({"users": {"enum": list(QUANTIFIERS)}, "match": _ref("node")}, required=["users", "match"]),
        "identifier": _object({"identifier": name, "exists": {"type": "boolean"}}, required=["identifier", "exists"]),
        "count": _one_of({key: {"type": "integer", "minimum": 0, "maximum": HIGHEST_COUNT} for key in COUNT_OPERATORS}),
        "duration": _one_of({unit: {"type": "integer", "minimum": 1} for unit in UNITS}),
        "instant": {"type": "string", "format": "date-time"},
        "window": _one_of(
            {
                "within": _ref("duration"),
                "between": _object({"from": _ref("duration"), "to": _ref("duration")}, required=["from", "to"]),
                "since": _ref("instant"),
                "before": _ref("instant"),
            }
        ),
        "scalar": {"anyOf": [{"type": "string", "maxLength": LONGEST_VALUE}, {"type": "number"}, {"type": "boolean"}]},
        "trait_value": _object({"trait": name}, required=["trait"]),
        "parent_value": _object({"parent_property": name}, required=["parent_property"]),
    }


def _operators(*, allow_parent: bool) -> dict[str, Schema]:
    references = [_ref("trait_value"), *([_ref("parent_value")] if allow_parent else [])]
    operators: dict[str, Schema] = {}
    for operator in OPERATORS:
        if operator == "exists":
            operators[operator] = {"type": "boolean"}
        elif operator in RELATIVE_DATES:
            operators[operator] = _ref("duration")
        elif operator in DATES:
            operators[operator] = {"anyOf": [_ref("instant"), *references]}
        elif operator in LISTS:
            values = {"type": "array", "minItems": 1, "maxItems": MOST_VALUES, "items": _ref("scalar")}
            operators[operator] = {"anyOf": [values, *references]}
        elif operator in ORDER:
            operators[operator] = {"anyOf": [{"type": "number"}, *references]}
        elif operator in TEXT:
            operators[operator] = {"anyOf": [{"type": "string", "minLength": 1}, *references]}
        else:
            operators[operator] = {"anyOf": [_ref("scalar"), *references]}
    return operators


def _test(key: str, operators: dict[str, Schema]) -> Schema:
    named = {key: {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}}
    return _object({**named, **operators}, required=[key]) | {"minProperties": 2, "maxProperties": 2}


def _one_of(properties: dict[str, Schema]) -> Schema:
    return _object(properties, required=[]) | {"minProperties": 1, "maxProperties": 1}


def _object(properties: Schema, *, required: list[str]) -> Schema:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}
