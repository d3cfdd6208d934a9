"""What the directives do with values that are resolved already (spec: mapping kit, section 4).

`UNDEFINED` is a value that is not there. Texts and numbers follow JavaScript.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from engine.jstext import JS_BLANKS, UNDEFINED, number_text, text, utf16_length
from engine.mapping.paths import split_path, walk

REPLACEMENT_LIMIT = 10
_DOLLAR = re.compile(r"\$([$&`'])")
_INDEX_KEY = re.compile(r"(?:0|[1-9][0-9]{0,9})\Z")
_LAST_INDEX = 2**32 - 2
# Python refuses to read longer whole numbers; JavaScript reads them as floats anyway.
_EXACT_DIGITS = 400


def as_text(value: Any) -> str:
    """How a value is written into a template: missing and null as nothing."""
    return "" if value is None or value is UNDEFINED else text(value)


def template_parts(template: str) -> tuple[list[str | tuple[str, ...]], bool]:
    """The literal texts and paths of a template, and whether its result is to be expanded once more.

    Triple braces are read first; where there are any, double braces are read in the result of that.
    """
    pieces, is_expanded_again = _placeholders(template, 3), True
    if len(pieces) == 1:
        pieces, is_expanded_again = _placeholders(template, 2), False
    parts: list[str | tuple[str, ...]] = []
    for index, piece in enumerate(pieces):
        parts.append(split_path(piece.strip(JS_BLANKS)) if index % 2 else piece)
    return [part for part in parts if part != ""], is_expanded_again


def _placeholders(template: str, braces: int) -> list[str]:
    """Literal texts and the insides of placeholders in turn. Read in one pass, whatever the text holds."""
    opening, closing = "{" * braces, "}" * braces
    pieces, done, at = [], 0, 0
    while (end := template.find("}", at)) >= 0:
        start = template.find(opening, at, end)
        if start >= 0 and start + braces < end and template.startswith(closing, end):
            pieces += [template[done:start], template[start + braces : end]]
            done = at = end + braces
        else:
            at = end + 1
    return [*pieces, template[done:]]


def _fill(template: str, payload: Any, braces: int) -> str:
    pieces = _placeholders(template, braces)
    for index in range(1, len(pieces), 2):
        pieces[index] = as_text(walk(payload, split_path(pieces[index].strip(JS_BLANKS))))
    return "".join(pieces)


def expand(template: str, payload: Any) -> str:
    """Fill in the double braces."""
    return _fill(template, payload, 2)


def render_template(template: str, payload: Any) -> str:
    """A template that is known only now: it came from a directive."""
    return expand(_fill(template, payload, 3), payload)


def is_not_blank(value: Any) -> bool:
    """What `@if` calls `blank`: neither missing nor null nor loosely equal to the empty text."""
    if value is None or value is UNDEFINED:
        return False
    if isinstance(value, (bool, int, float, str)):
        return value not in ("", 0) or (isinstance(value, float) and math.isnan(value))
    return not isinstance(value, list) or text(value) != ""


def each(root: Any, shape: Callable[[Any], Any], hole: Any) -> Any:
    """`@arrayPath`: the shape resolved against every item; what is neither list nor object stays as it is."""
    if isinstance(root, list):
        items = [shape(item) for item in root]
    elif isinstance(root, dict):
        items = [shape(root)]
    else:
        return root
    return [hole if item is UNDEFINED else item for item in items]


def replacer(
    pattern: str, replacement: str, *, ignore_case: bool, every: bool, then: tuple[str, str] | None
) -> Callable[[Any], str]:
    """`@replace`: a function that replaces a literal text; `then` is a second pattern and replacement."""
    first = _substitution(pattern, replacement, ignore_case=ignore_case, every=every)
    second = _substitution(*then, ignore_case=ignore_case, every=every) if then else None

    def replace(value: Any) -> str:
        if not isinstance(value, str):
            if not isinstance(value, (bool, int, float)):
                return ""
            value = text(value)
        value = first(value)
        return second(value) if second else value

    return replace


def _substitution(pattern: str, replacement: str, *, ignore_case: bool, every: bool) -> Callable[[str], str]:
    count = -1 if every else 1
    if not ignore_case and not _DOLLAR.search(replacement):
        return lambda value: value.replace(pattern, replacement, count)
    expression = re.compile(re.escape(pattern), re.IGNORECASE if ignore_case else 0)

    def fill(found: re.Match[str]) -> str:
        meanings = {
            "$": "$",
            "&": found[0],
            "`": found.string[: found.start()],
            "'": found.string[found.end() :],
        }
        return _DOLLAR.sub(lambda sign: meanings[sign[1]], replacement)

    return lambda value: expression.sub(fill, value, count=0 if every else 1)


def encode_json(value: Any) -> Any:
    """`JSON.stringify`: no blanks, non-ASCII as it is, index-like keys first; missing stays missing."""
    return UNDEFINED if value is UNDEFINED else _json(value)


def _json(value: Any) -> str:
    if isinstance(value, str):
        written = json.dumps(value, ensure_ascii=False)
        return written if written.isascii() else _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", written)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or value is UNDEFINED:
        return "null"
    if isinstance(value, (int, float)):
        return number_text(value) if math.isfinite(value) else "null"
    if isinstance(value, list):
        return f"[{','.join(map(_json, value))}]"
    members = [(key, member) for key, member in _ordered_members(value) if member is not UNDEFINED]
    return "{" + ",".join(f"{_json(key)}:{_json(member)}" for key, member in members) + "}"


_SURROGATE = re.compile("[\ud800-\udfff]")


def is_index(key: str) -> bool:
    """Whether JavaScript sorts this key among the numbers, before all others."""
    return _INDEX_KEY.match(key) is not None and int(key) <= _LAST_INDEX


def decode_json(value: Any) -> Any:
    """Strict JSON; a text that is none, and anything but a text, is returned as it was."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_constant=_refuse_constant, parse_int=_whole_number)
    except (ValueError, RecursionError):
        return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON.")


def _whole_number(digits: str) -> float:
    return int(digits) if len(digits) < _EXACT_DIGITS else float(digits)


def flatten(value: Any, separator: str, *, keep_lists: bool) -> dict[str, Any]:
    """`@flatten`: nested members out into one level; a scalar gives `{"": value}`. Missing leaves are kept."""
    if value is UNDEFINED:
        return {}
    flat: dict[str, Any] = {}
    leaves = _flatten_into(flat, value, "", _Flattening(separator, keep_lists, _members))
    if leaves != len(flat):
        # Of two leaves with the same key the later one wins, by JavaScript's order of members.
        flat = {}
        _flatten_into(flat, value, "", _Flattening(separator, keep_lists, _ordered_members))
    return flat


def _members(value: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    return value.items()


def _ordered_members(value: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    """Index-like keys first, in ascending order."""
    indexes = sorted((key for key in value if is_index(key)), key=int)
    return [(key, value[key]) for key in (*indexes, *(key for key in value if not is_index(key)))]


class _Flattening(NamedTuple):
    separator: str
    keep_lists: bool
    members_of: Callable[[dict[str, Any]], Iterable[tuple[str, Any]]]


def _flatten_into(flat: dict[str, Any], value: Any, prefix: str, rules: _Flattening) -> int:
    """Answers how many leaves were written."""
    if isinstance(value, dict):
        members = rules.members_of(value)
    elif isinstance(value, list) and not rules.keep_lists:
        members = ((str(index), item) for index, item in enumerate(value))
    else:
        flat[prefix] = value
        return 1
    start, leaves = prefix + rules.separator if prefix else "", 0
    for key, member in members:
        if isinstance(member, (dict, list)):
            leaves += _flatten_into(flat, member, start + key, rules)
        else:
            flat[start + key] = member
            leaves += 1
    return leaves


def merge(operands: list[Any], *, from_left: bool) -> dict[str, Any]:
    """`@merge`: shallow; of equal members the later operand wins, or the earlier one `from_left`.

    Missing and null operands are skipped, lists and texts are spread by index, other scalars have no members.
    """
    merged: dict[str, Any] = {}
    for operand in reversed(operands) if from_left else operands:
        if isinstance(operand, dict):
            merged.update(operand)
        elif isinstance(operand, list):
            merged.update((str(index), item) for index, item in enumerate(operand))
        elif isinstance(operand, str):
            merged.update((str(index), unit) for index, unit in enumerate(_units(operand)))
    return merged


def _units(value: str) -> list[str]:
    if utf16_length(value) == len(value):
        return list(value)
    units = value.encode("utf-16-le", "surrogatepass")
    return [units[at : at + 2].decode("utf-16-le", "replace") for at in range(0, len(units), 2)]


def exclude_null(value: Any) -> Any:
    """`@excludeWhenNull`: null becomes missing, also as a member of objects at every depth; lists are left alone."""
    if value is None:
        return UNDEFINED
    if isinstance(value, dict):
        return {key: exclude_null(member) for key, member in value.items()}
    return value


def clean(value: Any, hole: Any = None) -> Any:
    """Remove missing members at every depth; missing items of lists become `hole`. Untouched parts are shared."""
    if isinstance(value, dict):
        return {key: clean(member, hole) for key, member in value.items() if member is not UNDEFINED}
    if isinstance(value, list):
        return [clean(item, hole) for item in value]
    return hole if value is UNDEFINED else value
