"""The usual case of `prepare_payload`, compiled: every value is right as it is, or is simply left out.

Lists of a million people go through here one by one. Whatever is not plainly right (a value to be coerced, a problem
to be told) is left to `prepare_payload`, which stays the only place that knows the rules in full; a test holds both
together over the published cases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

from engine.mapping.fields import Condition, Field
from engine.mapping.formats import FORMATS, reads_as_date
from engine.mapping.payload import PayloadProblem, check_conditions, prepare_payload

# What a check says besides the value: leave the member out; ask `prepare_payload`.
DROP, ASK = object(), object()
Check = Callable[[Any], Any]
_TEXTS = frozenset({"string", "text", "password"})


def compile_payload(fields: Sequence[Field], *, is_batch: bool = False) -> Callable[[Any], dict[str, Any]]:
    """A function that does what `prepare_payload(payload, fields, is_batch=…)` does."""
    declared = tuple(fields)
    checks = {field.key: _check_of(field) for field in declared}
    texts = frozenset(key for key, check in checks.items() if check is _text)
    required = tuple(field.key for field in declared if field.required is True)
    conditional = tuple(field for field in declared if _has_condition(field))

    def prepare(payload: Any) -> dict[str, Any]:
        if type(payload) is not dict:
            return prepare_payload(payload, declared, is_batch=is_batch)
        kept: dict[str, Any] = {}
        for key, value in payload.items():
            if type(value) is str and key in texts:
                if value or is_batch:
                    kept[key] = value
                continue
            check = checks.get(key)
            if check is None:
                if conditional:
                    return prepare_payload(payload, declared, is_batch=is_batch)
                continue
            found = check(value)
            if found is ASK:
                return prepare_payload(payload, declared, is_batch=is_batch)
            if found is DROP or (not is_batch and found == "" and type(found) is str):
                continue
            kept[key] = found
        for key in required:
            if key not in kept:
                return prepare_payload(payload, declared, is_batch=is_batch)
        if conditional:
            problems: list[PayloadProblem] = []
            check_conditions(kept, conditional, problems)
            if problems:
                return prepare_payload(payload, declared, is_batch=is_batch)
        return kept

    return prepare


def _has_condition(field: Field) -> bool:
    return isinstance(field.required, Condition) or any(
        isinstance(inner.required, Condition) for inner in field.properties or ()
    )


def _ask(_value: Any) -> Any:
    return ASK


_SIMPLE: dict[str, Check] = {}


def _check_of(field: Field) -> Check:
    is_text = field.type in _TEXTS
    if field.choice_values is not None and not field.dynamic and (field.multiple or not is_text):
        return _ask
    if field.multiple:
        return _texts if is_text else _empty_or_ask
    if field.type == "object" and field.properties is not None:
        return _object_check(field)
    check = _text_check(field) if is_text else _SIMPLE.get(field.type) or _number_check(field)
    return _nullable(check) if field.allow_null else check


def _nullable(check: Check) -> Check:
    """Null stays, where a field allows it."""
    return lambda value: None if value is None else check(value)


def _text_check(field: Field) -> Check:
    is_formatted = field.type == "string" and field.format in FORMATS
    is_bounded = field.type == "string" and bool(field.minimum or field.maximum)
    choices = None
    if field.choice_values is not None and not field.dynamic:
        choices = frozenset(choice for choice in field.choice_values if type(choice) is str)
    if not is_formatted and not is_bounded and choices is None:
        return _text
    fits = FORMATS[str(field.format)][1] if is_formatted else None
    low, high = field.minimum or 0, field.maximum or float("inf")

    def check(value: Any) -> Any:
        if type(value) is not str:
            return DROP if value is None else ASK
        if choices is not None and value not in choices:
            return ASK
        if is_bounded and not (value.isascii() and low <= len(value) <= high):
            return ASK
        return value if fits is None or fits(value) else ASK

    return check


def _text(value: Any) -> Any:
    if type(value) is str:
        return value
    return DROP if value is None else ASK


def _texts(value: Any) -> Any:
    if type(value) is list:
        for item in value:
            if type(item) is not str:
                return ASK
        return value
    return _empty_or_ask(value)


def _empty_or_ask(value: Any) -> Any:
    return DROP if value is None else ASK


def _free_object(value: Any) -> Any:
    if type(value) is dict:
        return value
    return DROP if value is None else ASK


def _boolean(value: Any) -> Any:
    if type(value) is bool:
        return value
    return DROP if value is None else ASK


def _date(value: Any) -> Any:
    if type(value) is str and reads_as_date(value):
        return value
    return DROP if value is None else ASK


_SIMPLE |= {"object": _free_object, "boolean": _boolean, "datetime": _date}


def _number_check(field: Field) -> Check:
    is_integer = field.type == "integer"
    low = field.minimum if field.minimum and not is_integer else None
    high = field.maximum if field.maximum and not is_integer else None

    def check(value: Any) -> Any:
        if type(value) is not int and (type(value) is not float or is_integer or not isfinite(value)):
            return DROP if value is None else ASK
        if (low is not None and value < low) or (high is not None and value > high):
            return ASK
        return value

    return check


def _object_check(field: Field) -> Check:
    """An object with declared members. Empty texts inside stay, as `clean_payload` leaves them."""
    members = field.properties or ()
    if any(isinstance(one.required, Condition) for one in members):
        # Conditions of members change what their neighbours require.
        return _ask
    checks = {one.key: _check_of(one) for one in members}
    required = tuple(one.key for one in members if one.required is True)
    keeps_others = field.additional_properties

    def check(value: Any) -> Any:
        if type(value) is not dict:
            return DROP if value is None else ASK
        if not value and not required:
            return value
        kept: dict[str, Any] = {}
        for key, item in value.items():
            inner = checks.get(key)
            if inner is None:
                if keeps_others:
                    kept[key] = item
                continue
            found = inner(item)
            if found is ASK:
                return ASK
            if found is not DROP:
                kept[key] = found
        for key in required:
            if key not in kept:
                return ASK
        return kept

    return check
