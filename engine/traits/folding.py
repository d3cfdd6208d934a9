"""From the values of a profile's events to the value of its trait; `traits/compiler.py` says the same in SQL.

Types are JSON's, as everywhere (`engine.conditions.operators`): "5" is no number, 1 and 1.0 are one value. Missing and
null values are left out. Counters are 0 once there is history, and absent without any; all else is absent without
values. Lists and most frequent values look at texts, numbers, true and false only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from engine.conditions.operators import exact, kind_of
from engine.traits.definition import EventTrait

MOST_LISTED = 10_000
"""A unique list holds the first so many values in its order."""
AVERAGE_PLACES = 10
"""Decimal places of an average."""
Dated = tuple[int, Any]
"""(microseconds of the event, its value)."""


def reads_history(trait: EventTrait) -> bool:
    """Whether the value tells no history from nothing that counts."""
    return trait.kind in {"event_counter", "unique_list_count"}


def fold(  # noqa: PLR0911 - one a kind
    trait: EventTrait, values: Sequence[Dated], *, has_history: bool
) -> Any:
    """The trait's value, None if absent. `values` has one entry for every event that counts now."""
    present = [(at, value) for at, value in values if value is not None]
    match trait.kind:
        case "event_counter":
            return len(values) if has_history else None
        case "unique_list_count":
            return len(_distinct(present)) if has_history else None
        case "unique_list":
            return _distinct(present)[:MOST_LISTED] or None
        case "most_frequent":
            return _most_frequent(present, trait.minimum)
        case "first":
            return min(present, key=lambda item: (item[0], json_text(item[1])))[1] if present else None
        case "last":
            return min(present, key=lambda item: (-item[0], json_text(item[1])))[1] if present else None
    return _aggregate(trait.aggregate, present)


def _aggregate(aggregate: str, values: Sequence[Dated]) -> Decimal | None:
    numbers = [found[1] for _, value in values if (found := exact(value)) is not None and found[0] == "number"]
    decimals = [number for number in numbers if isinstance(number, Decimal)]
    if not decimals:
        return None
    if aggregate == "min":
        return min(decimals)
    if aggregate == "max":
        return max(decimals)
    with localcontext(prec=10_000):
        total = sum(decimals, Decimal(0))
        if aggregate == "sum":
            return total
        return (total / len(decimals)).quantize(Decimal(1).scaleb(-AVERAGE_PLACES), rounding=ROUND_HALF_UP)


def _distinct(values: Sequence[Dated]) -> list[Any]:
    """The scalars, each once: false, true, numbers by size, texts by their characters."""
    found = {key: value for _, value in values if (key := exact(value)) is not None}
    return [found[key] for key in sorted(found, key=_order)]


def _most_frequent(values: Sequence[Dated], minimum: int) -> Any:
    counts: dict[tuple[str, Any], int] = {}
    first: dict[tuple[str, Any], Any] = {}
    for _, value in values:
        key = exact(value)
        if key is not None:
            counts[key] = counts.get(key, 0) + 1
            first.setdefault(key, value)
    often = [key for key, count in counts.items() if count >= minimum]
    if not often:
        return None
    return first[min(often, key=lambda key: (-counts[key], _order(key)))]


def _order(key: tuple[str, Any]) -> tuple[int, Any]:
    kind, value = key
    return ("boolean", "number", "string").index(kind), value


def json_text(value: Any) -> bytes:
    """The value as PostgreSQL writes jsonb: a total order for values of the very same instant."""
    return _text(value).encode("utf-8", "surrogatepass")


def _text(value: Any) -> str:
    kind = kind_of(value)
    if kind == "number":
        return format(Decimal(repr(value)) if isinstance(value, float) else Decimal(value), "f")
    if kind == "array":
        return f"[{', '.join(_text(item) for item in value)}]"
    if isinstance(value, Mapping):
        keys = sorted(value, key=lambda key: (len(key.encode("utf-8", "surrogatepass")), key.encode("utf-8")))
        return "{" + ", ".join(f"{_text(key)}: {_text(value[key])}" for key in keys) + "}"
    return json.dumps(value, ensure_ascii=False)
