"""The source of a mapping field as one line of text, and back: what the editor shows and reads."""

from __future__ import annotations

import json
import re
from typing import Any

from destinations import mapping_functions

_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?\Z")
_LITERALS = {"true": True, "false": False, "null": None}


class ExpressionError(ValueError):
    """The text starts like JSON or like a function, and is none."""


def to_text(value: Any) -> str:
    """`$.userId` for a path, the text of a template, plain text as it is, functions, JSON for everything else."""
    if value is None:
        return ""
    if isinstance(value, dict) and len(value) == 1:
        path, template = value.get("@path"), value.get("@template")
        if isinstance(path, str) and path.startswith("$"):
            return path
        if isinstance(template, str) and _reads_as(template, value):
            return template
    if isinstance(value, str) and _reads_as(value, value):
        return value
    if called := mapping_functions.written(value):
        return called
    return json.dumps(value, ensure_ascii=False, indent=None if _is_short(value) else 2)


def from_text(text: str) -> Any:
    """What a person typed as a mapping value. None for nothing typed.

    `$.…` is a path of the event; `{`, `[` and `"` start JSON (directives too); `coalesce(…)` and the like are
    functions (mapping_functions.py); numbers, true, false and null are themselves; a text with `{{…}}` is a template;
    anything else is text. Raises ExpressionError.
    """
    text = text.strip()
    return _read(text) if text else None


def _read(text: str) -> Any:
    if text == "$" or text.startswith(("$.", "$[")):
        return {"@path": text}
    if text[:1] in ("{", "[", '"') and text[:2] != "{{":
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ExpressionError(
                f"This is not valid JSON: {error}. Put text that starts like this in quotes."
            ) from None
    if mapping_functions.is_call(text):
        try:
            return mapping_functions.read(text)
        except mapping_functions.FunctionError as error:
            hint = "Put text that starts like a function in quotes."
            raise ExpressionError(f"{error.message} (at character {error.position + 1}) {hint}") from None
    if "{{" in text:
        return {"@template": text}
    return _LITERALS[text] if text in _LITERALS else _number_or_text(text)


def _number_or_text(text: str) -> Any:
    """A number written as JSON writes it; "007", "1_000" and "nan" are text."""
    if not _NUMBER.match(text):
        return text
    number = json.loads(text)
    return number if abs(number) < 1e300 else text


def _reads_as(text: str, value: Any) -> bool:
    try:
        return bool(from_text(text) == value)
    except ExpressionError:
        return False


def _is_short(value: Any) -> bool:
    return len(json.dumps(value)) < 60
