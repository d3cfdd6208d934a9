"""The order of keys in exported JSON, which databases do not keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.conditions.instants import UNITS
from engine.conditions.operators import OPERATORS

CONDITION_KEYS = (
    "version", "collection", "where", "all", "any", "not", "event", "type", "performed", "count", "window", "within",
    "between", "since", "before", "from", "to", "properties", "then", "trait", "property", "parent_property",
    "audience", "journey_step", "member", "identifier", *OPERATORS, *UNITS,
)  # fmt: skip
_RANKS = {key: rank for rank, key in enumerate(CONDITION_KEYS)}


def ordered(raw: Any) -> Any:
    """The same JSON with the keys of every object in the order of definitions.md §1; others after them by name."""
    if isinstance(raw, Mapping):
        keys = sorted(raw, key=lambda key: (_RANKS.get(key, len(_RANKS)), key))
        return {key: ordered(raw[key]) for key in keys}
    if isinstance(raw, list):
        return [ordered(item) for item in raw]
    return raw


def alphabetical(raw: Any) -> Any:
    """The same JSON with the keys of every object by name: for settings whose keys a connector defines."""
    if isinstance(raw, Mapping):
        return {key: alphabetical(raw[key]) for key in sorted(raw)}
    if isinstance(raw, list):
        return [alphabetical(item) for item in raw]
    return raw
