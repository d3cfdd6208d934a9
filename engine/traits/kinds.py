"""The kinds of computed traits. A kind whose values come from elsewhere (a warehouse, a model) registers itself too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.conditions.errors import Problem

Schema = dict[str, Any]
Reader = Callable[[Mapping[str, Any], list[Problem]], Any]
"""Reads a definition of the kind: the parsed definition, or None after adding to the problems."""

EVENTS = "events"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """`origin` says where values come from: "events" is computed from history; others are written by their own app.

    `value_type` is what values are: number, list, or any (the type of the property). `keys` are the members of a
    definition besides version, collection and kind; `read`, `describe` and `schema` are for kinds of other origins.
    """

    name: str
    label: str
    summary: str
    value_type: str
    origin: str = EVENTS
    keys: tuple[str, ...] = ("event",)
    reads_property: bool = True
    read: Reader | None = None
    describe: Callable[[Any], str] | None = None
    schema: Schema | None = None


KINDS: dict[str, Kind] = {}


def register(kind: Kind) -> Kind:
    """Make a kind known to parsing, describing, the JSON Schema and the pages; a name is given once."""
    if kind.name in KINDS:
        raise ValueError(f"The kind {kind.name} is registered already.")
    KINDS[kind.name] = kind
    return kind


register(
    Kind(
        name="event_counter",
        label="Event counter",
        summary="How many times an event happened.",
        value_type="number",
        reads_property=False,
    )
)
register(
    Kind(
        name="aggregation",
        label="Aggregation",
        summary="Sum, average, minimum or maximum of a numeric property.",
        value_type="number",
        keys=("event", "aggregate"),
    )
)
register(
    Kind(
        name="most_frequent",
        label="Most frequent",
        summary="The value of a property that occurs most often.",
        value_type="any",
        keys=("event", "minimum"),
    )
)
register(Kind(name="first", label="First", summary="The value of a property on the earliest event.", value_type="any"))
register(Kind(name="last", label="Last", summary="The value of a property on the latest event.", value_type="any"))
register(
    Kind(
        name="unique_list",
        label="Unique list",
        summary="All distinct values of a property, in alphabetical order.",
        value_type="list",
    )
)
register(
    Kind(
        name="unique_list_count",
        label="Unique list count",
        summary="How many distinct values of a property there are.",
        value_type="number",
    )
)
