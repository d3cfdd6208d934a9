"""From a resolved mapping to what an action may rely on (spec: connectors, section 3).

First empties are removed, then every declared field is checked and coerced, and undeclared ones are dropped. All
problems are collected. The event is never changed: what is returned is new wherever it differs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.jstext import UNDEFINED, number_text, text_to_number, utf16_length
from engine.mapping.errors import pointer
from engine.mapping.fields import ABSENT, Clause, Condition, Field
from engine.mapping.formats import FORMATS, reads_as_date

_TYPES: dict[str, tuple[str, ...]] = {
    "string": ("string",),
    "text": ("string",),
    "password": ("string",),
    "datetime": ("string", "number"),
    "number": ("number",),
    "integer": ("integer",),
    "boolean": ("boolean",),
    "object": ("object",),
}
_NAMES: dict[type, str] = {
    str: "string",
    bool: "boolean",
    dict: "object",
    list: "array",
    int: "number",
    float: "number",
}
_ROOT = "The root value"


@dataclass(frozen=True, kw_only=True)
class PayloadProblem:
    """`path` is a JSON pointer into the payload, `key` the declared field it belongs to."""

    path: str
    key: str
    message: str


class PayloadError(ValueError):
    """The event does not make a payload this action can send. Carries every problem."""

    code = "payload_invalid"
    status = 400

    def __init__(self, problems: Sequence[PayloadProblem]) -> None:
        super().__init__(" ".join(problem.message for problem in problems))
        self.problems = tuple(problems)


def prepare_payload(payload: Any, fields: Sequence[Field], *, is_batch: bool = False) -> dict[str, Any]:
    """Clean, check and coerce. Raises PayloadError.

    In a batch an empty text at the top level is kept, as in the reference; for one event it is removed.
    """
    if not isinstance(payload, dict):
        raise PayloadError([_problem("", "", f"{_ROOT} must be an object but it was {_article_of(payload)}.")])
    return coerce_payload(clean_payload(payload, fields, keep_blanks=is_batch), fields)


def clean_payload(payload: dict[str, Any], fields: Sequence[Field], *, keep_blanks: bool = False) -> dict[str, Any]:
    """Remove null and "" where the field's type does not allow them; members without declaration stay."""
    cleaned = _clean_members(payload, _by_key(tuple(fields)))
    return cleaned if keep_blanks else {key: value for key, value in cleaned.items() if value != ""}


def coerce_payload(payload: dict[str, Any], fields: Sequence[Field]) -> dict[str, Any]:
    """Check and coerce a cleaned payload; members without declaration are removed. Raises PayloadError."""
    problems: list[PayloadProblem] = []
    declared = tuple(fields)
    check_conditions(payload, declared, problems)
    lists = {field.key for field in declared if field.multiple}
    wrapped = {key: [value] if key in lists and _is_single(value) else value for key, value in payload.items()}
    coerced = _members(wrapped, declared, "", _ROOT, keeps_others=False, problems=problems)
    if problems:
        raise PayloadError(problems)
    return coerced


def condition_holds(condition: Condition, payload: dict[str, Any]) -> bool:
    """Whether a condition on other fields holds. A value is compared before it is coerced."""
    is_alone = len(condition.clauses) == 1
    verdicts = (_clause_holds(clause, payload, is_alone=is_alone) for clause in condition.clauses)
    return any(verdicts) if condition.match == "any" else all(verdicts)


def _by_key(fields: tuple[Field, ...]) -> dict[str, Field]:
    return {field.key: field for field in fields}


def _types(field: Field) -> tuple[str, ...]:
    # An object with declared members loses its "or null" in the reference, and so does a list.
    if field.allow_null and not field.multiple and not (field.type == "object" and field.properties is not None):
        return (*_TYPES[field.type], "null")
    return _TYPES[field.type]


def _clean_members(payload: dict[str, Any], fields: dict[str, Field]) -> dict[str, Any]:
    cleaned = {}
    for key, value in payload.items():
        field = fields.get(key)
        kept = value if field is None else _clean_value(value, field)
        if kept is not UNDEFINED:
            cleaned[key] = kept
    return cleaned


def _clean_value(value: Any, field: Field) -> Any:
    if isinstance(value, list):
        if not field.multiple:
            return value
        # Only whole items are dropped; what is inside an item that stays is left alone.
        return [item for item in value if not _is_empty(item, _TYPES[field.type])]
    if isinstance(value, dict):
        if field.multiple or field.type != "object" or field.properties is None:
            return value
        return _clean_members(value, _by_key(field.properties))
    return UNDEFINED if _is_empty(value, ("array",) if field.multiple else _types(field)) else value


def _is_empty(value: Any, types: tuple[str, ...]) -> bool:
    return (value is None and "null" not in types) or (value == "" and isinstance(value, str) and "string" not in types)


def _is_single(value: Any) -> bool:
    return value is not None and not isinstance(value, list)


def _members(
    payload: dict[str, Any],
    fields: tuple[Field, ...],
    path: str,
    title: str,
    *,
    keeps_others: bool,
    problems: list[PayloadProblem],
) -> dict[str, Any]:
    """Check the members of an object; answers the coerced object."""
    has_conditions = bool(path) and any(isinstance(field.required, Condition) for field in fields)
    for field in fields:
        # Where one member is required on a condition, the reference drops the plain requirements beside it.
        if field.required is True and not has_conditions and field.key not in payload:
            problems.append(_missing(path, field.key, title))
    known, coerced = _by_key(fields), {}
    for key, value in payload.items():
        declared = known.get(key)
        if declared is not None:
            coerced[key] = _check(value, declared, pointer(path, key), problems)
        elif keeps_others:
            coerced[key] = value
    return coerced


def _check(value: Any, field: Field, path: str, problems: list[PayloadProblem]) -> Any:
    title = _capital(field.label)
    if not field.multiple:
        return _check_one(value, field, _types(field), path, title=title, problems=problems)
    if isinstance(value, dict):
        problems.append(_wrong_type(value, ("array",), path, title, field.key))
        return value
    items = value if isinstance(value, list) else [value]
    places = [pointer(path, index) for index in range(len(items))]
    return [
        _check_one(item, field, _TYPES[field.type], place, title=f"The value at {place}", problems=problems)
        for item, place in zip(items, places, strict=True)
    ]


def _check_one(
    value: Any, field: Field, types: tuple[str, ...], path: str, *, title: str, problems: list[PayloadProblem]
) -> Any:
    is_right, value = coerce_value(value, types)
    if not is_right:
        problems.append(_wrong_type(value, types, path, title, field.key))
        return value
    if field.type == "object" and field.properties is not None and isinstance(value, dict):
        inner = "The value at " + path if field.multiple else title
        return _members(
            value, field.properties, path, inner, keeps_others=field.additional_properties, problems=problems
        )
    message = _choice_problem(value, field) or (None if field.multiple else _text_problem(value, field))
    message = message or (None if field.multiple else _bound_problem(value, field))
    if message:
        problems.append(_problem(path, field.key, f"{title} {message}."))
    return value


def coerce_value(value: Any, types: tuple[str, ...]) -> tuple[bool, Any]:
    """Whether the value is, or can be made, one of the types, and what it is then (table in section 3)."""
    if any(_is_of(value, name) for name in types):
        return True, value
    if types == ("object",):
        return False, value
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
        # With two types allowed the reference coerces the unwrapped item even when it fits already.
        if len(types) == 1 and _is_of(value, types[0]):
            return True, value
    for name in types:
        made = _MAKERS[name](value) if name in _MAKERS else UNDEFINED
        if made is not UNDEFINED:
            return True, made
    return False, value


def _is_of(value: Any, name: str) -> bool:
    if name == "null":
        return value is None
    if name == "integer":
        return _NAMES.get(type(value)) == "number" and math.isfinite(value) and value == int(value)
    return _NAMES.get(type(value)) == name and (name != "number" or math.isfinite(value))


def _make_string(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number_text(value)
    return "" if value is None else UNDEFINED


def _make_number(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return int(bool(value))
    if not isinstance(value, str) or not value:
        return UNDEFINED
    number = text_to_number(value)
    return number if math.isfinite(number) else UNDEFINED


def _make_integer(value: Any) -> Any:
    number = _make_number(value)
    return number if number is not UNDEFINED and number == int(number) else UNDEFINED


def _make_boolean(value: Any) -> Any:
    if value is None or value == "false" or (_NAMES.get(type(value)) == "number" and value == 0):
        return False
    return True if value == "true" or (_NAMES.get(type(value)) == "number" and value == 1) else UNDEFINED


def _make_null(value: Any) -> Any:
    return None if isinstance(value, (str, bool, int, float)) and value in ("", 0, False) else UNDEFINED


_MAKERS = {
    "string": _make_string,
    "number": _make_number,
    "integer": _make_integer,
    "boolean": _make_boolean,
    "null": _make_null,
}


def _choice_problem(value: Any, field: Field) -> str | None:
    choices = field.choice_values
    if choices is None or field.dynamic:
        return None
    if field.allow_null:
        choices = (*choices, None)
    if any(type(value) is type(choice) and value == choice for choice in choices):
        return None
    if any(_is_of(value, "number") and _is_of(choice, "number") and value == choice for choice in choices):
        return None
    return f"must be one of: {_listed([_shown(choice) for choice in choices])}"


def _text_problem(value: Any, field: Field) -> str | None:
    if not isinstance(value, str):
        return None
    if field.type == "datetime":
        return None if reads_as_date(value) else "must be a valid date-like string but it was not"
    name = field.format if field.type in ("string", "number", "integer", "boolean") else None
    if name in FORMATS and not FORMATS[name][1](value):
        return f"must be a valid {FORMATS[name][0]} string but it was not"
    return None


def _bound_problem(value: Any, field: Field) -> str | None:
    # A bound of 0 and bounds of integers are ignored, as in the reference.
    if field.type == "string" and isinstance(value, str):
        length = utf16_length(value)
        if field.minimum and length < field.minimum:
            return f"must be {number_text(field.minimum)} characters or more but it was {length} characters"
        if field.maximum and length > field.maximum:
            return f"must be {number_text(field.maximum)} characters or fewer but it was {length} characters"
    if field.type == "number" and _is_of(value, "number"):
        if field.minimum and value < field.minimum:
            return f"must be equal to or greater than {number_text(field.minimum)}"
        if field.maximum and value > field.maximum:
            return f"must be equal to or less than {number_text(field.maximum)}"
    return None


def check_conditions(payload: dict[str, Any], fields: tuple[Field, ...], problems: list[PayloadProblem]) -> None:
    """Collect what is missing and required on a condition; `payload` is cleaned."""
    for field in fields:
        required = field.required
        if isinstance(required, Condition) and field.key not in payload and condition_holds(required, payload):
            problems.append(_missing("", field.key, _ROOT))
        for inner in field.properties or ():
            if not isinstance(inner.required, Condition) or not condition_holds(inner.required, payload):
                continue
            holder = payload.get(field.key, UNDEFINED)
            if holder is UNDEFINED:
                problems.append(_missing("", field.key, _ROOT))
            elif isinstance(holder, dict) and inner.key not in holder:
                problems.append(_missing(pointer("", field.key), inner.key, _capital(field.label)))


def _clause_holds(clause: Clause, payload: dict[str, Any], *, is_alone: bool) -> bool:
    actual: Any = payload
    for key in clause.field.split("."):
        actual = actual.get(key, ABSENT) if isinstance(actual, dict) else ABSENT
    if clause.value is ABSENT:
        # Alone, null counts as missing; among several clauses only what is not there does.
        is_missing = actual is ABSENT or (is_alone and actual is None)
        return is_missing if clause.operator == "is" else not is_missing
    if actual is ABSENT:
        return False
    is_equal = actual == clause.value and isinstance(actual, bool) == isinstance(clause.value, bool)
    return is_equal if clause.operator == "is" else not is_equal


def _problem(path: str, key: str, message: str) -> PayloadProblem:
    return PayloadProblem(path=path, key=key, message=message)


def _missing(path: str, key: str, title: str) -> PayloadProblem:
    return _problem(pointer(path, key), key, f"{title} is missing the required field '{key}'.")


def _wrong_type(value: Any, types: tuple[str, ...], path: str, title: str, key: str) -> PayloadProblem:
    expected = _listed(list(types))
    article = "an" if expected[0] in "aeiou" else "a"
    return _problem(path, key, f"{title} must be {article} {expected} but it was {_article_of(value)}.")


def _article_of(value: Any) -> str:
    name = _NAMES.get(type(value), "null")
    return name if name == "null" else f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _listed(names: list[str]) -> str:
    if len(names) < 3:
        return " or ".join(names)
    return f"{', '.join(names[:-1])}, or {names[-1]}"


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return number_text(value) if isinstance(value, (int, float)) else str(value)


def _capital(label: str) -> str:
    return label[:1].upper() + label[1:]
