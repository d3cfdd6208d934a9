"""The JSON Schema of a journey, published as `/api/v1/schemas/journey.json`."""

from __future__ import annotations

from typing import Any

from engine import conditions
from engine.journeys.definition import MOST_STEPS_READ, VERSION
from engine.journeys.reading import LONGEST_TEXT, STEP_ID
from engine.journeys.steps import STEP_TYPES
from engine.journeys.steps.base import ENTRY, Step
from engine.journeys.steps.branching import MOST_BRANCHES
from engine.journeys.steps.connections import (
    IDENTIFIER_KEYS,
    MOST_CONNECTIONS,
    MOST_ROWS,
    SETUPS,
    TRAIT_KEYS,
    VALUE_FORMATS,
)

Schema = dict[str, Any]


def schema() -> Schema:
    """JSON Schema 2020-12 of what `definition.read` accepts, with complete conditions.

    `read` also keeps unfinished conditions of drafts, refuses ids that are there twice and texts that cannot be
    stored; `problems.check` says what keeps a journey from being published.
    """
    condition = conditions.schema()
    nullable_condition = _or_null({"$ref": "#/$defs/condition"})
    settings = {"exit_after": _or_null(_ref("duration")), "reentry_after": _or_null(_ref("duration"))}
    entry = {"name": _or_null(_ref("text")), "condition": nullable_condition, "use_historical": {"type": "boolean"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Journey",
        **_object(
            {
                "version": {"const": VERSION},
                "name": _or_null(_ref("text")),
                "settings": _or_null(_object(settings)),
                "entry": _or_null(_object(entry)),
                "steps": _or_null({"type": "array", "maxItems": MOST_STEPS_READ, "items": _ref("step")}),
            },
            required=["version"],
        ),
        "$defs": {
            **condition["$defs"],
            "condition": {key: condition[key] for key in ("type", "properties", "required", "additionalProperties")},
            **_definitions(),
        },
    }


def _definitions() -> Schema:
    identifier = {"type": "string", "pattern": f"^{STEP_ID.pattern}$"}
    branch_place = _object({"step": _ref("id"), "branch": _ref("id")}, required=["step", "branch"])
    return {
        "text": {"type": "string", "maxLength": LONGEST_TEXT},
        "id": identifier,
        "step_id": {**identifier, "not": {"const": ENTRY}},
        "after": {"anyOf": [_ref("id"), branch_place, {"type": "null"}]},
        "branch": _object({"id": _ref("id"), "name": _or_null(_ref("text"))}, required=["id"]),
        "share": _object(
            {
                "id": _ref("id"),
                "name": _or_null(_ref("text")),
                "percent": {"type": ["number", "null"], "minimum": 0, "maximum": 100},
            },
            required=["id"],
        ),
        "connection": _connection(),
        "step": _any_step(),
        **{f"step_{step_type.type}": _step(step_type) for step_type in STEP_TYPES},
    }


def _any_step() -> Schema:
    """By its type, so that a validator tells what is wrong with a step of that type."""
    types = [step_type.type for step_type in STEP_TYPES]
    return {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": types}},
        "allOf": [{"if": {"properties": {"type": {"const": name}}}, "then": _ref(f"step_{name}")} for name in types],
    }


def _step(step_type: type[Step]) -> Schema:
    properties: Schema = {"id": _ref("step_id"), "type": {"const": step_type.type}, "after": _ref("after")}
    properties |= {key: MEMBERS[key] for key in step_type.keys}
    if step_type.has_key:
        properties["key"] = {"readOnly": True}
    if step_type.type == "random":
        properties["branches"] = _list("share", MOST_BRANCHES)
    return {"title": step_type.label, **_object(properties, required=["id", "type"])}


def _connection() -> Schema:
    flag = {"type": "boolean"}
    text = _or_null(_ref("text"))
    rows = {
        key: _or_null({"type": "array", "maxItems": MOST_ROWS, "items": _row(members)})
        for key, members in (("traits", TRAIT_KEYS), ("identifiers", IDENTIFIER_KEYS))
    }
    return _object(
        {
            "destination": _name(),
            "send_identify": flag,
            "send_track": flag,
            "enter_event": text,
            "exit_event": text,
            "send_mobile_ids": flag,
            "value_format": {"enum": list(VALUE_FORMATS)},
            "include_audience_key": flag,
            "setup": {"enum": list(SETUPS)},
            **rows,
            "settings": {"type": ["object", "null"]},
        },
        required=["destination"],
    )


def _row(members: tuple[str, ...]) -> Schema:
    return _object(dict.fromkeys(members, _name()), required=list(members))


def _name() -> Schema:
    return {"type": "string", "pattern": r"\S", "maxLength": LONGEST_TEXT}


def _object(properties: Schema, *, required: list[str] | None = None) -> Schema:
    found: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**found, "required": required} if required else found


def _list(name: str, most: int) -> Schema:
    return _or_null({"type": "array", "maxItems": most, "items": _ref(name)})


def _or_null(value: Schema) -> Schema:
    return {"anyOf": [value, {"type": "null"}]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


_DURATION = _or_null(_ref("duration"))
MEMBERS: Schema = {
    "name": _or_null(_ref("text")),
    "condition": _or_null(_ref("condition")),
    "duration": _DURATION,
    "true_name": _or_null(_ref("text")),
    "false_name": _or_null(_ref("text")),
    "branches": _list("branch", MOST_BRANCHES),
    "to": _or_null(_ref("text")),
    "connections": _list("connection", MOST_CONNECTIONS),
    "remove_after": _DURATION,
}
"""The members that steps have beside id, type and after; every key of a step type is in it."""
