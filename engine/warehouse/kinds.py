"""Types of columns: few, so that every warehouse has them, and wide enough for what comes later."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

SMALLEST, LARGEST = -(2**63), 2**63 - 1


class Kind(StrEnum):
    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"
    TIME = "time"


def kind_of(value: Any) -> Kind:
    """The narrowest type of a value of a call. What JSON nests is kept as text."""
    if isinstance(value, bool):
        return Kind.BOOLEAN
    if isinstance(value, int):
        return Kind.INTEGER if SMALLEST <= value <= LARGEST else Kind.TEXT
    return Kind.NUMBER if isinstance(value, float) else Kind.TEXT


def wider(one: Kind, other: Kind) -> Kind:
    """The type that holds both: numbers stay numbers, what conflicts becomes text."""
    if one == other:
        return one
    return Kind.NUMBER if {one, other} == {Kind.INTEGER, Kind.NUMBER} else Kind.TEXT


def as_kind(value: Any, kind: Kind) -> Any:
    """The value as it is written into a column of the type."""
    if value is None:
        return None
    if kind == Kind.NUMBER:
        return float(value)
    if kind == Kind.TEXT:
        return _text(value)
    return value


def _text(value: Any) -> str:
    """PostgreSQL stores no NUL."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("\x00", "\ufffd")
