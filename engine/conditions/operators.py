"""What each operator accepts and means for one value; `audiences/compiler` says the same in SQL.

Types are JSON's: 5 and "5" differ, 1 and 1.0 do not. A JSON null is a missing value. Positive operators are false for
a missing value and for one of another type; `not_equals` and `not_contains` are their exact opposites. An operand
taken from a missing trait is a missing value too.

A path with `$` leads to each element of a list: a positive operator holds when it holds for at least one of them,
each by itself; `not_equals`, `not_contains` and `exists: false` are the exact opposites again. What is no list has no
elements.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from engine.conditions.instants import parse_instant
from engine.conditions.nodes import ELEMENTS, Path

EQUALITY = frozenset({"equals", "not_equals"})
ORDER = frozenset({"less_than", "greater_than", "less_or_equal", "greater_or_equal"})
LISTS = frozenset({"any_of", "contains_any_of"})
TEXT = frozenset({"starts_with", "ends_with"})
MEMBERSHIP = frozenset({"contains", "not_contains"})
DATES = frozenset({"before_date", "after_date"})
RELATIVE_DATES = frozenset({"within_last", "within_next", "before_last", "after_next"})
OPERATORS = (
    "equals", "not_equals", "less_than", "greater_than", "less_or_equal", "greater_or_equal", "any_of", "contains",
    "not_contains", "contains_any_of", "starts_with", "ends_with", "exists", "before_date", "after_date",
    "within_last", "within_next", "before_last", "after_next",
)  # fmt: skip

OPPOSITES = {"not_equals": "equals", "not_contains": "contains"}


@dataclass(frozen=True)
class Outcome:
    """`holds` now, and until `flips_at` (microseconds; None is never) whatever time it is."""

    holds: bool
    flips_at: int | None = None


class Elements(tuple[Any, ...]):
    """The values that a path with `$` leads to; missing and null ones left out."""

    __slots__ = ()


def look_up(document: Any, path: Path) -> Any:
    """The value at `path`, walking objects only; None when missing or null. Elements where the path has `$`."""
    if ELEMENTS in path:
        return Elements(_each(document, path))
    for key in path:
        if not isinstance(document, Mapping):
            return None
        document = document.get(key)
    return document


def _each(document: Any, path: Path) -> Iterator[Any]:
    for place, key in enumerate(path):
        if key == ELEMENTS:
            if isinstance(document, list | tuple):
                for element in document:
                    yield from _each(element, path[place + 1 :])
            return
        if not isinstance(document, Mapping):
            return
        document = document.get(key)
    if document is not None:
        yield document


def kind_of(value: Any) -> str:
    """JSON's name for a value's type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float | Decimal):
        return "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, Mapping) else "array"


def _number(value: Any) -> Decimal | None:
    if kind_of(value) != "number":
        return None
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def exact(value: Any) -> tuple[str, str | Decimal | bool] | None:
    """A scalar as (kind, comparable value); None for lists, objects and null."""
    kind = kind_of(value)
    if kind in {"string", "boolean"}:
        return kind, value
    number = _number(value)
    return None if number is None else (kind, number)


def apply(operator: str, value: Any, operand: Any, now: int) -> Outcome:
    """Verdict of one test.

    `value` is plain JSON data or None. `operand` is plain JSON data (a list for the `any` operators), a bool for
    `exists`, for date operators a JSON string or microseconds since 1970, for the relative ones microseconds.
    """
    if operator in RELATIVE_DATES:
        return _relative(operator, value, operand, now)
    positive = OPPOSITES.get(operator, operator)
    if not isinstance(value, Elements):
        holds = _holds(positive, value, operand)
    elif operator == "exists":
        holds = bool(value) is bool(operand)
    else:
        holds = any(_holds(positive, element, operand) for element in value)
    return Outcome(holds is (positive == operator))


def _holds(operator: str, value: Any, operand: Any) -> bool:  # noqa: PLR0911 - one a kind of operator
    if operator == "exists":
        return (value is not None) is bool(operand)
    if value is None or operand is None:
        return False
    if operator == "equals":
        return exact(value) is not None and exact(value) == exact(operand)
    if operator == "any_of":
        return kind_of(operand) == "array" and exact(value) in _scalars(operand)
    if operator in ORDER:
        return _ordered(operator, value, operand)
    if operator == "contains":
        return _contains(value, operand)
    if operator == "contains_any_of":
        return kind_of(operand) == "array" and any(_contains(value, item) for item in operand)
    if operator in TEXT:
        if not (isinstance(value, str) and isinstance(operand, str)):
            return False
        return value.startswith(operand) if operator == "starts_with" else value.endswith(operand)
    moment = instant_in(value)
    limit = operand if type(operand) is int else instant_in(operand)
    if moment is None or limit is None:
        return False
    return moment < limit if operator == "before_date" else moment > limit


def instant_in(value: Any) -> int | None:
    """The instant a JSON string denotes, if it does."""
    return parse_instant(value) if isinstance(value, str) else None


def _ordered(operator: str, value: Any, operand: Any) -> bool:
    left, right = _number(value), _number(operand)
    if left is None or right is None:
        return False
    if operator == "less_than":
        return left < right
    if operator == "greater_than":
        return left > right
    return left <= right if operator == "less_or_equal" else left >= right


def _contains(value: Any, operand: Any) -> bool:
    if isinstance(value, str):
        return isinstance(operand, str) and operand in value
    if kind_of(value) == "array":
        return exact(operand) is not None and exact(operand) in _scalars(value)
    return False


def _scalars(items: Any) -> list[tuple[str, str | Decimal | bool]]:
    return [scalar for scalar in map(exact, items) if scalar is not None]


def relative_interval(operator: str, value: Any, duration: int) -> tuple[int | None, int | None] | None:
    """When a relative date test holds: from the first instant until just before the second; None is unbounded.

    The answer is None when the value is not an instant: the test never holds.
    """
    moment = instant_in(value)
    if moment is None:
        return None
    match operator:
        case "within_last":
            return moment, moment + duration + 1
        case "within_next":
            return moment - duration, moment + 1
        case "before_last":
            return moment + duration + 1, None
        case _:
            return None, moment - duration


def _relative(operator: str, value: Any, duration: int, now: int) -> Outcome:
    interval = relative_interval(operator, value, duration)
    if interval is None:
        return Outcome(False)
    first, end = interval
    if first is not None and now < first:
        return Outcome(False, first)
    if end is not None and now >= end:
        return Outcome(False)
    return Outcome(True, end)
