"""The JSON Schema of a computed trait, published as `/api/v1/schemas/trait.json`."""

from __future__ import annotations

from typing import Any

from engine import conditions
from engine.conditions.parsing import COLLECTIONS
from engine.conditions.parsing_values import LONGEST_NAME
from engine.traits.definition import AGGREGATES, VERSION
from engine.traits.kinds import KINDS, Kind
from engine.traits.parsing import HIGHEST_MINIMUM

Schema = dict[str, Any]
NAME = {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}


def schema() -> Schema:
    """JSON Schema 2020-12 of what `parse` accepts; parse also checks limits and dates that a schema cannot say."""
    definitions = conditions.schema()["$defs"]
    event = definitions["event"]
    happening = {name: part for name, part in event["properties"].items() if name != "count"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Computed trait",
        "oneOf": [kind.schema or _of(kind, collection) for kind in KINDS.values() for collection in _collections(kind)],
        "$defs": {**definitions, "happening": {**event, "properties": happening}},
    }


def _collections(kind: Kind) -> tuple[str, ...]:
    return COLLECTIONS if kind.schema is None else COLLECTIONS[:1]


def _of(kind: Kind, collection: str) -> Schema:
    properties: Schema = {
        "version": {"const": VERSION},
        "collection": {"const": collection},
        "kind": {"const": kind.name},
        "event": {"$ref": "#/$defs/happening"},
    }
    required = ["version", "collection", "kind", "event"]
    if "aggregate" in kind.keys:
        properties["aggregate"] = {"enum": list(AGGREGATES)}
        required.append("aggregate")
    if "minimum" in kind.keys:
        properties["minimum"] = {"type": "integer", "minimum": 1, "maximum": HIGHEST_MINIMUM}
    found: Schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    if not kind.reads_property:
        return found
    properties["property"] = NAME
    if collection == "users":
        required.append("property")
        return found
    properties["user_trait"] = NAME
    return found | {"oneOf": [{"required": ["property"]}, {"required": ["user_trait"]}]}
