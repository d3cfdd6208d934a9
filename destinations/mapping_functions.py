"""Functions in the source of a mapping field: `coalesce($.traits.email, "none")` for the directives they stand for.

Arguments are paths (`$.a.b`), texts in double quotes (with `{{…}}` a template), numbers, true, false, null, JSON, and
further functions. What a function writes, `written` reads back; a directive that no function stands for has no text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

_NAME = re.compile(r"[a-z_]+(?=\()")
_WORDS = {"true": True, "false": False, "null": None}
_WORD = re.compile(r"(true|false|null)(?=\s*[,)])")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,30})?(?=\s*[,)])")
_BLANKS = re.compile(r"\s*")
_DEPTH = 20


class FunctionError(ValueError):
    """The text calls a function in a way that cannot be read. `position` counts characters from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


# Name -> (arguments for people, what it does, the fewest and the most arguments).
FUNCTIONS: dict[str, tuple[str, str, int, int]] = {
    "coalesce": ("first, second, …", "The first of the values that exists.", 2, 20),
    "if": ("test, then, else", "One value when the test exists, otherwise the other.", 3, 3),
    "lower": ("text", "In lower case.", 1, 1),
    "upper": ("text", "In upper case.", 1, 1),
    "replace": ("text, find, put", "Replaces a text of up to 10 characters wherever it stands.", 2, 3),
    "flatten": ("object, separator", "One level out of nested objects, keys joined by the separator.", 1, 2),
    "json": ("value", "The value as JSON text.", 1, 1),
    "parse_json": ("text", "The value that a JSON text holds.", 1, 1),
    "concat": ("one, two, …", "Texts and values one after another.", 2, 20),
    "merge": ("object, object, …", "Members of all objects; later ones win.", 2, 20),
    "liquid": ("template", "A Liquid template over the event.", 1, 1),
}


def is_call(text: str) -> bool:
    """Whether the text starts with a function of this list and its parenthesis."""
    found = _NAME.match(text)
    return bool(found) and found.group() in FUNCTIONS if found else False


def read(text: str) -> Any:
    """The mapping value of a text that `is_call`. Raises FunctionError."""
    reader = _Reader(text)
    value = reader.value(0)
    reader.blanks()
    if reader.at < len(text):
        raise FunctionError("Nothing may follow the closing parenthesis. Use concat(…) to join values.", reader.at)
    return value


def written(value: Any) -> str | None:
    """The call that stands for a directive; None when there is none that reads back as the same value."""
    text = _call(value)
    if text is None:
        return None
    try:
        return text if _same(read(text), value) else None
    except FunctionError:
        return None


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def blanks(self) -> None:
        found = _BLANKS.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def value(self, depth: int) -> Any:
        self.blanks()
        start = self.at
        if depth > _DEPTH:
            raise FunctionError("The functions are nested too deeply.", start)
        name = _NAME.match(self.text, self.at)
        if name:
            return self._function(name.group(), depth)
        if self.text.startswith("$", self.at):
            return {"@path": self._path()}
        if self.text[self.at : self.at + 1] in ('"', "{", "["):
            return self._json()
        for pattern in (_WORD, _NUMBER):
            found = pattern.match(self.text, self.at)
            if found:
                self.at = found.end()
                return _WORDS[found.group()] if pattern is _WORD else json.loads(found.group())
        if start >= len(self.text) or self.text[start] in ",)":
            raise FunctionError("An argument is missing here.", start)
        raise FunctionError(
            "An argument is a path such as $.userId, a text in double quotes, a number or a function.", start
        )

    def _function(self, name: str, depth: int) -> Any:
        start = self.at
        if name not in FUNCTIONS:
            raise FunctionError(f"There is no function {name}. Those there are: {', '.join(FUNCTIONS)}.", start)
        self.at += len(name) + 1
        arguments = [self.value(depth + 1)]
        self.blanks()
        while self.text[self.at : self.at + 1] == ",":
            self.at += 1
            arguments.append(self.value(depth + 1))
            self.blanks()
        if self.text[self.at : self.at + 1] != ")":
            raise FunctionError(f"The closing parenthesis of {name}(…) is missing.", self.at)
        self.at += 1
        shown, _does, fewest, most = FUNCTIONS[name]
        if not fewest <= len(arguments) <= most:
            raise FunctionError(f"Write {name}({shown}).", start)
        try:
            return _BUILT[name](arguments)
        except ValueError as error:
            raise FunctionError(str(error), start) from None

    def _path(self) -> str:
        """Up to the comma or parenthesis that ends the argument; quotes and brackets protect what is in them."""
        start, quote, depth = self.at, "", 0
        while self.at < len(self.text):
            char = self.text[self.at]
            if quote:
                quote = "" if char == quote else quote
            elif char in "'\"":
                quote = char
            elif char in "[(":
                depth += 1
            elif char == "]" or (char == ")" and depth):
                depth -= 1
            elif char in ",)":
                break
            self.at += 1
        return self.text[start : self.at].rstrip()

    def _json(self) -> Any:
        try:
            value, self.at = json.JSONDecoder().raw_decode(self.text, self.at)
        except (ValueError, RecursionError) as error:
            position = getattr(error, "pos", self.at)
            raise FunctionError(f"This is not valid JSON: {getattr(error, 'msg', error)}.", position) from None
        return {"@template": value} if isinstance(value, str) and "{{" in value else value


def _coalesce(arguments: Sequence[Any]) -> Any:
    *others, last = arguments
    value = last
    for one in reversed(others):
        value = {"@if": {"exists": one, "then": one, "else": value}}
    return value


def _replace(arguments: Sequence[Any]) -> Any:
    value, pattern, *rest = arguments
    options = {"pattern": pattern, "replacement": rest[0] if rest else "", "value": value}
    if not isinstance(pattern, str) or not isinstance(options["replacement"], str):
        raise ValueError('replace takes texts in double quotes: replace($.name, " ", "-").')
    return {"@replace": options}


def _flatten(arguments: Sequence[Any]) -> Any:
    separator = arguments[1] if len(arguments) > 1 else "."
    if not isinstance(separator, str) or not separator:
        raise ValueError('The separator is a text in double quotes: flatten($.traits, "_").')
    return {"@flatten": {"value": arguments[0], "separator": separator}}


def _concat(arguments: Sequence[Any]) -> Any:
    parts = []
    for one in arguments:
        if isinstance(one, dict) and set(one) == {"@path"}:
            parts.append("{{" + one["@path"].removeprefix("$.") + "}}")
        elif isinstance(one, dict) and set(one) == {"@template"}:
            parts.append(one["@template"])
        elif isinstance(one, str):
            parts.append(one)
        elif isinstance(one, int | float):
            parts.append(json.dumps(one))
        else:
            raise ValueError("concat joins paths, texts and numbers. Write other functions in a field of their own.")
    return {"@template": "".join(parts)}


def _liquid(arguments: Sequence[Any]) -> Any:
    told = arguments[0]
    template = told.get("@template") if isinstance(told, dict) else told
    if not isinstance(template, str):
        raise ValueError('liquid takes a template in double quotes: liquid("{{ traits.name | upcase }}").')
    return {"@liquid": template}


_BUILT: dict[str, Callable[[Sequence[Any]], Any]] = {
    "coalesce": _coalesce,
    "if": lambda given: {"@if": {"exists": given[0], "then": given[1], "else": given[2]}},
    "lower": lambda given: {"@case": {"operator": "lower", "value": given[0]}},
    "upper": lambda given: {"@case": {"operator": "upper", "value": given[0]}},
    "replace": _replace,
    "flatten": _flatten,
    "json": lambda given: {"@json": {"value": given[0], "mode": "encode"}},
    "parse_json": lambda given: {"@json": {"value": given[0], "mode": "decode"}},
    "concat": _concat,
    "merge": lambda given: {"@merge": {"objects": list(given), "direction": "right"}},
    "liquid": _liquid,
}


def _argument(value: Any) -> str:
    path, template = _only(value, "@path"), _only(value, "@template")
    if path is not None and path.startswith("$"):
        return path
    if template is not None and "{{" in template:
        return json.dumps(template, ensure_ascii=False)
    return _call(value) or json.dumps(value, ensure_ascii=False)


def _only(value: Any, name: str) -> str | None:
    """The text of a directive that holds nothing but a text."""
    told = value.get(name) if isinstance(value, dict) and len(value) == 1 else None
    return told if isinstance(told, str) else None


def _call(value: Any) -> str | None:
    if not isinstance(value, dict) or len(value) != 1:
        return None
    liquid = _only(value, "@liquid")
    if liquid is not None:
        return f"liquid({json.dumps(liquid, ensure_ascii=False)})"
    (name, told), *_rest = value.items()
    members, write = _WRITTEN.get(name, (frozenset(), None))
    return write(told) if write is not None and isinstance(told, dict) and set(told) == members else None


def _merged(told: dict[str, Any]) -> str | None:
    if told["direction"] != "right" or not isinstance(told["objects"], list):
        return None
    return f"merge({', '.join(_argument(one) for one in told['objects'])})"


def _conditional(told: dict[str, Any]) -> str:
    parts = []
    node: Any = {"@if": told}
    while isinstance(node, dict) and set(node) == {"@if"} and isinstance(node["@if"], dict):
        options = node["@if"]
        if set(options) != {"exists", "then", "else"} or not _same(options["exists"], options["then"]):
            break
        parts.append(_argument(options["exists"]))
        node = options["else"]
    if parts:
        return f"coalesce({', '.join([*parts, _argument(node)])})"
    return f"if({', '.join(_argument(told[key]) for key in ('exists', 'then', 'else'))})"


_WRITTEN: dict[str, tuple[frozenset[str], Callable[[dict[str, Any]], str | None]]] = {
    "@if": (frozenset({"exists", "then", "else"}), _conditional),
    "@case": (
        frozenset({"operator", "value"}),
        lambda told: (
            f"{told['operator']}({_argument(told['value'])})" if told["operator"] in ("lower", "upper") else None
        ),
    ),
    "@replace": (
        frozenset({"pattern", "replacement", "value"}),
        lambda told: f"replace({', '.join(_argument(told[key]) for key in ('value', 'pattern', 'replacement'))})",
    ),
    "@flatten": (
        frozenset({"value", "separator"}),
        lambda told: f"flatten({_argument(told['value'])}, {_argument(told['separator'])})",
    ),
    "@json": (
        frozenset({"value", "mode"}),
        lambda told: f"{'json' if told['mode'] == 'encode' else 'parse_json'}({_argument(told['value'])})",
    ),
    "@merge": (frozenset({"objects", "direction"}), _merged),
}


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: True is not 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
