"""Reads the leaves of a definition: names, flags, durations, instants, operators and their values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from engine.conditions.errors import Problem
from engine.conditions.instants import LONGEST_DURATION, UNITS, moment_of, parse_instant
from engine.conditions.nodes import (
    ELEMENTS,
    Constant,
    ConstantList,
    Duration,
    Instant,
    Operand,
    ParentProperty,
    Path,
    Presence,
    Test,
    TraitValue,
)
from engine.conditions.operators import DATES, EQUALITY, LISTS, MEMBERSHIP, OPERATORS, ORDER, RELATIVE_DATES, TEXT

LONGEST_NAME = 1_000
LONGEST_VALUE = 10_000
LONGEST_PATH = 20
MOST_VALUES = 1_000
WIDEST_NUMBER = 1_000


class ValueReader:
    """Appends to `problems` and answers None whenever something is wrong."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems

    def problem(self, path: str, code: str, detail: str) -> None:
        self.problems.append(Problem(path=path, code=code, detail=detail))

    def known_keys(self, raw: Mapping[str, Any], path: str, known: Sequence[str]) -> None:
        for key in raw:
            if key not in known:
                place = f"{path}/{pointer_token(str(key))}"
                self.problem(place, "unknown_key", f"Remove this; known here: {', '.join(known)}.")

    def flag(self, raw: Mapping[str, Any], path: str, key: str) -> bool | None:
        value = raw.get(key)
        if isinstance(value, bool):
            return value
        code = "wrong_type" if key in raw else "required"
        self.problem(f"{path}/{key}", code, f'"{key}" is true or false.')
        return None

    def text(self, raw: Mapping[str, Any], path: str, key: str, meaning: str) -> str | None:
        value = raw.get(key)
        if not isinstance(value, str) or not value.strip():
            self.problem(f"{path}/{key}", "required", f"Give {meaning}.")
            return None
        return value if self._clean_text(value, f"{path}/{key}", LONGEST_NAME) else None

    def duration(self, raw: Any, path: str) -> Duration | None:
        if not isinstance(raw, Mapping) or len(raw) != 1 or next(iter(raw)) not in UNITS:
            detail = f'A duration has one unit of {", ".join(UNITS)}, such as {{"days": 7}}.'
            self.problem(path, "invalid_duration", detail)
            return None
        unit, amount = next(iter(raw.items()))
        if type(amount) is not int or amount <= 0 or amount * UNITS[unit] > LONGEST_DURATION:
            self.problem(f"{path}/{unit}", "invalid_duration", "Use a whole number from 1, at most 100 years.")
            return None
        return Duration(amount=amount, unit=unit, micros=amount * UNITS[unit])

    def instant(self, raw: Any, path: str) -> Instant | None:
        micros = parse_instant(raw) if isinstance(raw, str) else None
        if micros is not None:
            try:
                moment_of(micros)
            except OverflowError:
                micros = None
        if micros is None:
            detail = "Use an ISO 8601 timestamp with zone, such as 2026-01-31T00:00:00Z."
            self.problem(path, "invalid_instant", detail)
            return None
        return Instant(text=raw, micros=micros)

    def test(self, raw: Mapping[str, Any], path: str, key: str, *, allow_parent: bool) -> Test | None:
        """A trait or property test: the path under `key` and exactly one operator."""
        self.known_keys(raw, path, (key, *OPERATORS))
        name = self.text(raw, path, key, f"the key of a {key}")
        found = None if name is None else self._path(name, f"{path}/{key}", allow_elements=True)
        operators = [operator for operator in OPERATORS if operator in raw]
        if len(operators) != 1:
            detail = (
                f"Keep only one of: {', '.join(operators)}." if operators else "Choose an operator, such as equals."
            )
            self.problem(path, "ambiguous_operator" if operators else "operator_required", detail)
            return None
        if found is not None and ELEMENTS in found and operators[0] in RELATIVE_DATES:
            detail = "A path with $ leads to many values; compare them with a fixed date (before_date, after_date)."
            self.problem(f"{path}/{operators[0]}", "unsupported", detail)
            return None
        operand = self._operand(operators[0], raw[operators[0]], f"{path}/{operators[0]}", allow_parent)
        if found is None or operand is None:
            return None
        return Test(path=found, operator=operators[0], operand=operand)

    def _path(self, name: str, path: str, *, allow_elements: bool = False) -> Path | None:
        parts = tuple(name.split("."))
        if len(parts) > LONGEST_PATH or not all(parts):
            detail = f"Write keys joined by single dots, at most {LONGEST_PATH}, such as address.city."
            self.problem(path, "invalid_path", detail)
            return None
        if ELEMENTS in parts and not allow_elements:
            detail = "The other side of a comparison is one value; a path with $ leads to many."
            self.problem(path, "unsupported", detail)
            return None
        if parts[0] == ELEMENTS:
            self.problem(path, "invalid_path", "Name the list before $, such as products.$.sku.")
            return None
        return parts

    def _operand(  # noqa: PLR0911 - one a kind of operand
        self, operator: str, raw: Any, path: str, allow_parent: bool
    ) -> Operand | None:
        if operator == "exists":
            if isinstance(raw, bool):
                return Presence(wanted=raw)
            self.problem(path, "wrong_type", '"exists" is true or false.')
            return None
        if operator in RELATIVE_DATES:
            return self.duration(raw, path)
        if isinstance(raw, Mapping):
            return self._reference(raw, path, allow_parent)
        if operator in DATES:
            return self.instant(raw, path)
        if operator in LISTS:
            return self._list(operator, raw, path)
        return self._constant(operator, raw, path)

    def _reference(self, raw: Mapping[str, Any], path: str, allow_parent: bool) -> Operand | None:
        if set(raw) == {"trait"} or (set(raw) == {"parent_property"} and allow_parent):
            key = next(iter(raw))
            name = self.text(raw, path, key, "the key of a trait" if key == "trait" else "the key of a property")
            found = None if name is None else self._path(name, f"{path}/{key}")
            if found is None:
                return None
            return TraitValue(path=found) if key == "trait" else ParentProperty(path=found)
        if "parent_property" in raw and not allow_parent:
            detail = "parent_property can be used only in what follows an event (then)."
            self.problem(path, "misplaced_reference", detail)
            return None
        detail = 'A value is text, a number, true, false or {"trait": "key"}.'
        self.problem(path, "invalid_value", detail)
        return None

    def _list(self, operator: str, raw: Any, path: str) -> ConstantList | None:
        if not isinstance(raw, list) or not raw:
            self.problem(path, "list_required", f'"{operator}" takes a list with at least one value.')
            return None
        if len(raw) > MOST_VALUES:
            self.problem(path, "too_many_values", f"List at most {MOST_VALUES:,} values.")
            return None
        items = [self._constant(operator, item, f"{path}/{index}") for index, item in enumerate(raw)]
        complete = tuple(item for item in items if item is not None)
        return ConstantList(items=complete) if len(complete) == len(items) else None

    def _constant(self, operator: str, raw: Any, path: str) -> Constant | None:
        if isinstance(raw, bool):
            constant = Constant(kind="boolean", value=raw)
        elif isinstance(raw, int | float | Decimal):
            number = self._number(raw, path)
            if number is None:
                return None
            constant = Constant(kind="number", value=number)
        elif isinstance(raw, str):
            if not self._clean_text(raw, path, LONGEST_VALUE):
                return None
            constant = Constant(kind="string", value=raw)
        else:
            detail = 'Give text, a number, true or false; for missing values use "exists".'
            self.problem(path, "invalid_value", detail)
            return None
        return constant if self._fits(operator, constant, path) else None

    def _fits(self, operator: str, constant: Constant, path: str) -> bool:
        if operator in ORDER and constant.kind != "number":
            self.problem(path, "number_required", f'"{operator}" compares numbers; write the number without quotes.')
            return False
        if operator in TEXT and constant.kind != "string":
            self.problem(path, "text_required", f'"{operator}" compares text; put the value in quotes.')
            return False
        if constant.value == "" and operator not in EQUALITY and operator != "any_of":
            self.problem(path, "empty_value", "Give some text; nothing at all is in every text.")
            return False
        return operator in EQUALITY | ORDER | LISTS | TEXT | MEMBERSHIP

    def _number(self, raw: int | float | Decimal, path: str) -> Decimal | None:
        if isinstance(raw, float) and not math.isfinite(raw):
            self.problem(path, "invalid_number", "Use a finite number.")
            return None
        number = Decimal(repr(raw)) if isinstance(raw, float) else Decimal(raw)
        if (
            not number.is_finite()
            or abs(number.adjusted()) > WIDEST_NUMBER
            or len(number.as_tuple().digits) > WIDEST_NUMBER
        ):
            self.problem(path, "invalid_number", f"Use a number of at most {WIDEST_NUMBER:,} digits.")
            return None
        return number

    def _clean_text(self, value: str, path: str, longest: int) -> bool:
        if len(value) > longest:
            self.problem(path, "too_long", f"Use at most {longest:,} characters.")
            return False
        if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
            detail = "Remove the NUL character or half surrogate; text cannot hold it."
            self.problem(path, "invalid_character", detail)
            return False
        return True


def pointer_token(key: str) -> str:
    """A key as a reference token of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")
