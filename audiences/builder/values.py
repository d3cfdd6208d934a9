"""One value test between JSON and form: which operators there are, what kind of value each takes."""

from __future__ import annotations

import json
import re
from typing import Any

from audiences.builder.rows import UNITS, ValueTest
from engine.conditions.operators import DATES, LISTS, OPERATORS, RELATIVE_DATES, TEXT

MISSING = "missing"
LABELS = {
    "equals": "is",
    "not_equals": "is not",
    "less_than": "is less than",
    "greater_than": "is greater than",
    "less_or_equal": "is at most",
    "greater_or_equal": "is at least",
    "any_of": "is any of",
    "contains": "contains",
    "not_contains": "does not contain",
    "contains_any_of": "contains any of",
    "starts_with": "starts with",
    "ends_with": "ends with",
    "exists": "exists",
    MISSING: "does not exist",
    "before_date": "is before",
    "after_date": "is after",
    "within_last": "is within the last",
    "within_next": "is within the next",
    "before_last": "is more than … ago",
    "after_next": "is more than … ahead",
}
ORDERED = frozenset({"less_than", "greater_than", "less_or_equal", "greater_or_equal"})
TYPE_LABELS = {"text": "text", "number": "number", "boolean": "true/false", "trait": "trait", "parent": "first event's"}
PICKER_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_WITHOUT_ZONE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T([0-9]{2}:[0-9]{2})(:[0-9]{2})?)?")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
LONGEST_NUMBER = 400


class NotExpressibleError(ValueError):
    """The form has no words for this part of a definition."""


def value_types(operator: str, *, is_child: bool) -> tuple[str, ...]:
    """What the value may be; none for operators without one or with a duration."""
    references = ("trait", "parent") if is_child else ("trait",)
    if operator in RELATIVE_DATES or operator in {"exists", MISSING}:
        return ()
    if operator in DATES:
        return ("date", *references)
    if operator in ORDERED:
        return ("number", *references)
    return ("text", *references) if operator in TEXT else ("text", "number", "boolean", *references)


def settle(test: ValueTest, *, is_child: bool = False) -> None:
    """Make the value's type one that the operator takes, and keep one value where it takes one."""
    allowed = value_types(test.operator, is_child=is_child)
    if allowed and test.value_type not in allowed:
        test.value_type = allowed[0]
    if test.operator not in LISTS or test.value_type in {"trait", "parent"}:
        test.values = test.values[:1] or [""]


def is_plain(text: Any) -> bool:
    """Whether an input of one line gives back exactly this text."""
    return isinstance(text, str) and text != "" and not any(character in text for character in "\r\n")


def name_of(raw: Any) -> str:
    """A name; "" while none was given (a row that is not filled in yet)."""
    if raw == "" or (is_plain(raw) and raw == raw.strip()):
        return str(raw)
    raise NotExpressibleError


def duration_of(raw: Any) -> tuple[str, str]:
    """(amount, unit) of {"days": 7}; {"days": None} is a row that is not filled in yet."""
    if isinstance(raw, dict) and len(raw) == 1:
        unit, amount = next(iter(raw.items()))
        if unit in UNITS and (amount is None or type(amount) is int):
            return "" if amount is None else str(amount), unit
    raise NotExpressibleError


def value_test(raw: dict[str, Any], key: str, *, is_child: bool = False) -> ValueTest:
    """A test from its JSON. Raises NotExpressibleError."""
    operators = [name for name in raw if name in OPERATORS]
    if len(raw) != 2 or len(operators) != 1:
        raise NotExpressibleError
    operator, operand = operators[0], raw[operators[0]]
    test = ValueTest(name=name_of(raw.get(key)), operator=operator)
    if operator == "exists":
        if not isinstance(operand, bool):
            raise NotExpressibleError
        test.operator = "exists" if operand else MISSING
    elif operator in RELATIVE_DATES:
        amount, test.unit = duration_of(operand)
        test.values = [amount]
    else:
        test.value_type, test.values = _operand_of(operator, operand)
        if test.value_type not in value_types(test.operator, is_child=is_child):
            raise NotExpressibleError
    return test


def _operand_of(operator: str, raw: Any) -> tuple[str, list[str]]:
    if isinstance(raw, dict):
        key = next(iter(raw), "")
        if len(raw) != 1 or key not in {"trait", "parent_property"}:
            raise NotExpressibleError
        return ("trait" if key == "trait" else "parent"), [name_of(raw[key])]
    if operator in DATES:
        if raw is not None and not is_plain(raw):
            raise NotExpressibleError
        return "date", [raw or ""]
    if operator not in LISTS:
        kind, text = _scalar_of(raw)
        return kind, [text]
    if not isinstance(raw, list):
        raise NotExpressibleError
    if not raw:
        return value_types(operator, is_child=False)[0], [""]
    found = [_scalar_of(item) for item in raw]
    if len({kind for kind, _ in found}) != 1:
        raise NotExpressibleError
    return found[0][0], [text for _, text in found]


def _scalar_of(raw: Any) -> tuple[str, str]:
    if raw is None:
        return "text", ""
    if isinstance(raw, bool):
        return "boolean", "true" if raw else "false"
    if isinstance(raw, int | float):
        text = repr(raw)
        if len(text) > LONGEST_NUMBER or number_of(text) is None:
            raise NotExpressibleError
        return "number", text
    if is_plain(raw):
        return "text", raw
    raise NotExpressibleError


def number_of(text: str) -> int | float | None:
    """The number that a person typed; None when it is none."""
    text = text.strip()
    if len(text) > LONGEST_NUMBER or not _NUMBER.fullmatch(text):
        return None
    try:
        return int(text)
    except ValueError:
        return float(text)


def whole_number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else None


def instant_text(text: str) -> str:
    """What a date picker gives, as UTC; anything else as it is, for the parser to judge."""
    text = text.strip()
    if found := _WITHOUT_ZONE.fullmatch(text):
        return f"{found[1]}T{found[2] or '00:00'}{found[3] or ':00'}Z"
    return text


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
