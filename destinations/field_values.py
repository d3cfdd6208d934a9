"""Values that a person or a client gave for Fields: checked all at once, in the type that the Field wants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from common.errors import FieldError
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import checked_headers, checked_url
from engine.mapping.fields import ABSENT, Condition, Field

_TRUE, _FALSE = frozenset({"true", "on", "1", "yes"}), frozenset({"false", "off", "0", "no", ""})
_LONGEST = 10_000


class _Refused(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def check_values(
    fields: Iterable[Field], given: Mapping[str, Any], *, path: str = "/settings"
) -> tuple[dict[str, Any], list[FieldError]]:
    """`given` in the types of its Fields, and all problems. Empty values are left out, unknown keys refused."""
    values: dict[str, Any] = {}
    errors: list[FieldError] = []
    known = {field.key: field for field in fields}
    for key in given:
        if key not in known:
            listed = ", ".join(known) or "none"
            detail = f"There is no setting {key!r}. Those there are: {listed}."
            errors.append(FieldError(path=f"{path}/{key}", code="unknown_setting", detail=detail))
    for field in known.values():
        value = given.get(field.key)
        if value is None or value in ("", [], {}):
            if _is_required(field, given):
                detail = f"{field.label} is required."
                errors.append(FieldError(path=f"{path}/{field.key}", code="required", detail=detail))
            continue
        try:
            values[field.key] = _many(field, value) if field.multiple else _one(field, value)
        except _Refused as refused:
            errors.append(FieldError(path=f"{path}/{field.key}", code=refused.code, detail=refused.detail))
    return values, errors


def _is_required(field: Field, given: Mapping[str, Any]) -> bool:
    return holds(field.required, given) if isinstance(field.required, Condition) else field.required


def holds(condition: Condition, values: Mapping[str, Any]) -> bool:
    """Whether a condition on other members holds for these values."""
    verdicts = []
    for clause in condition.clauses:
        value = values.get(clause.field)
        if clause.value is ABSENT:
            verdicts.append((value in (None, "")) == (clause.operator == "is"))
        else:
            verdicts.append(value is not None and (value == clause.value) == (clause.operator == "is"))
    return any(verdicts) if condition.match == "any" else all(verdicts)


def _many(field: Field, value: Any) -> list[Any]:
    items = value if isinstance(value, list) else [value]
    return [_one(field, item) for item in items if item not in (None, "")]


def _one(field: Field, value: Any) -> Any:
    match field.type:
        case "boolean":
            value = _boolean(field, value)
        case "number" | "integer":
            value = _number(field, value)
        case "object":
            value = _object(field, value)
        case _:
            value = _text(field, value)
    choices = field.choice_values
    if choices is not None and value not in choices:
        allowed = ", ".join(str(choice) for choice in choices)
        raise _Refused("not_a_choice", f"{field.label} has to be one of {allowed}.")
    return value


def _boolean(field: Field, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).lower() if isinstance(value, str | int) else "?"
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise _Refused("not_a_boolean", f"{field.label} has to be true or false.")


def _number(field: Field, value: Any) -> float:
    number: float | None = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str):
        try:
            number = int(value) if value.strip().lstrip("+-").isdecimal() and len(value) < 20 else float(value)
        except ValueError:
            number = None
    if number is None or not abs(number) <= 1e15:
        raise _Refused("not_a_number", f"{field.label} has to be a number.")
    if field.type == "integer":
        if number != int(number):
            raise _Refused("not_an_integer", f"{field.label} has to be a whole number.")
        number = int(number)
    if field.minimum is not None and number < field.minimum:
        raise _Refused("too_small", f"{field.label} has to be at least {field.minimum:g}.")
    if field.maximum is not None and number > field.maximum:
        raise _Refused("too_large", f"{field.label} has to be at most {field.maximum:g}.")
    return number


def _object(field: Field, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Refused("not_an_object", f"{field.label} has to be an object of names and values.")
    if field.key == "headers":
        try:
            return dict(checked_headers(value))
        except PayloadValidationError as error:
            raise _Refused("invalid_header", error.message) from None
    return value


def _text(field: Field, value: Any) -> str:
    if isinstance(value, bool | dict | list):
        raise _Refused("not_a_text", f"{field.label} has to be text.")
    # Blanks around a pasted value are never meant.
    text = str(value).strip()
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise _Refused("not_a_text", f"{field.label} holds a character that cannot be stored.")
    if len(text) > _LONGEST:
        raise _Refused("too_long", f"{field.label} has to be at most {_LONGEST:,} characters long.")
    if field.minimum and len(text) < field.minimum:
        raise _Refused("too_short", f"{field.label} has to be at least {field.minimum:g} characters long.")
    if field.maximum and len(text) > field.maximum:
        raise _Refused("too_long", f"{field.label} has to be at most {field.maximum:g} characters long.")
    if field.format == "uri":
        try:
            checked_url(text, field.label)
        except PayloadValidationError as error:
            raise _Refused("not_a_url", error.message) from None
    return text
