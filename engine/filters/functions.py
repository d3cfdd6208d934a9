"""The functions of the filter language, and reading patterns. All of them take null: see each function."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from engine.fql.errors import FqlError
from engine.jstext import text as js_text
from engine.jstext import text_to_number

_WORDS = re.compile(r"\S+")
_BLANKS = re.compile(r"\s+")


class FilterEvaluationError(Exception):
    """A value of the event is not what the condition can work with. The message says which and where."""


@dataclass(frozen=True, slots=True)
class Function:
    """`takes`: the types of each argument, empty for any. `gives` is "" when it depends."""

    run: Callable[..., Any]
    takes: tuple[tuple[str, ...], ...]
    gives: str


def type_name(value: Any) -> str:
    """What `typeof` says: "null", "bool", "number", "string", "list" or "object"."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "string"
    return "list" if isinstance(value, (list, tuple)) else "object"


def contains(value: Any, part: Any) -> bool:
    """Whether the text holds the other; false for null."""
    if value is None or part is None:
        return False
    return _text(part, "contains") in _text(value, "contains")


def length(value: Any) -> int:
    """Elements of a list, or bytes of a text; 0 for null."""
    if value is None:
        return 0
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, (list, tuple)):
        return len(value)
    raise FilterEvaluationError(f"length() takes a text or a list, and got a {type_name(value)}.")


def match(value: Any, pattern: Any) -> bool:
    """Whether the pattern fits the whole text, case-sensitively; false for null."""
    if value is None or pattern is None:
        return False
    try:
        return glob(_text(pattern, "match")).fullmatch(_text(value, "match")) is not None
    except FqlError as error:
        raise FilterEvaluationError(error.message) from error


@lru_cache(maxsize=1024)
def glob(pattern: str) -> re.Pattern[str]:
    """`*` any characters, `?` one, `[abc]` and `[a-z]` one of them, `\\x` the character x. FqlError when unfinished."""
    pieces: list[list[str]] = [[]]
    position = 0
    while position < len(pattern):
        char, parts = pattern[position], pieces[-1]
        position += 1
        if char == "*":
            if parts or len(pieces) == 1:
                pieces.append([])
        elif char == "?":
            parts.append(".")
        elif char == "\\":
            if position == len(pattern):
                raise FqlError('The pattern ends with a "\\".', position - 1)
            parts.append(re.escape(pattern[position]))
            position += 1
        elif char == "[":
            closing = pattern.find("]", position + 1)
            if closing < 0:
                raise FqlError('The "[" of the pattern has no "]".', position - 1)
            parts.append(_one_of(pattern[position:closing], position))
            position = closing + 1
        else:
            parts.append(re.escape(char))
    first, *rest = ["".join(parts) for parts in pieces]
    if not rest:
        return re.compile(first, re.DOTALL)
    # Each piece is looked for once, from the left: an expression full of ".*" would try every way to share the text.
    inner = "".join(f"(?>.*?{piece})" for piece in rest[:-1])
    return re.compile(f"{first}{inner}.*{rest[-1]}", re.DOTALL)


def _one_of(characters: str, position: int) -> str:
    ranges = re.sub(r"[\\\[\]^&~|]", lambda found: "\\" + found.group(), characters)
    try:
        re.compile(f"[{ranges}]")
    except re.error as error:
        raise FqlError(f"[{characters}] is no range of characters.", position) from error
    return f"[{ranges}]"


def to_bool(value: Any) -> bool | None:
    """Null stays null; a text is true unless it is empty, "false" or "0", a number unless 0, a list unless empty."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value.strip().lower() not in ("", "false", "0")
    if isinstance(value, (int, float, list, tuple)):
        return bool(value)
    raise FilterEvaluationError("bool() takes a text, a number or a list, and got an object.")


def to_string(value: Any) -> str | None:
    """As JavaScript writes it; null stays null."""
    if value is None:
        return None
    if isinstance(value, dict):
        raise FilterEvaluationError("string() takes a text, a number or a list, and got an object.")
    return js_text(value)


def to_number(value: Any) -> float | None:
    """The number that a text says; null stays null, and so is a text that says none."""
    if value is None:
        return None
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, str):
        number = text_to_number(value) if value.strip() else None
        return None if number is None or math.isnan(number) else number
    raise FilterEvaluationError(f"number() takes a text or a number, and got a {type_name(value)}.")


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise FilterEvaluationError(f"{name}() takes a text, and got a {type_name(value)}.")
    return value


def _on_text(name: str, change: Callable[[str], str]) -> Callable[[Any], str | None]:
    """A function of a text that gives null for null."""

    def run(value: Any) -> str | None:
        return None if value is None else change(_text(value, name))

    return run


def _joined(by: str) -> Callable[[str], str]:
    return lambda value: _BLANKS.sub(by, value.strip())


def _title(value: str) -> str:
    return _WORDS.sub(lambda found: found.group()[:1].upper() + found.group()[1:].lower(), value)


_TEXT = ("string",)
FUNCTIONS: dict[str, Function] = {
    "contains": Function(contains, (_TEXT, _TEXT), "bool"),
    "length": Function(length, (("string", "list"),), "number"),
    "lowercase": Function(_on_text("lowercase", str.lower), (_TEXT,), "string"),
    "uppercase": Function(_on_text("uppercase", str.upper), (_TEXT,), "string"),
    "snakecase": Function(_on_text("snakecase", _joined("_")), (_TEXT,), "string"),
    "kebabcase": Function(_on_text("kebabcase", _joined("-")), (_TEXT,), "string"),
    "titlecase": Function(_on_text("titlecase", _title), (_TEXT,), "string"),
    "typeof": Function(type_name, ((),), "string"),
    "match": Function(match, (_TEXT, _TEXT), "bool"),
    "bool": Function(to_bool, ((),), "bool"),
    "string": Function(to_string, ((),), "string"),
    "number": Function(to_number, (("string", "number", "bool"),), "number"),
}
