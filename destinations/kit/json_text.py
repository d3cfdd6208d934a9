"""JSON as JavaScript writes it, so that signatures over it can be checked by `JSON.stringify` at the other end."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from engine.jstext import number_text

_MAX_ARRAY_INDEX = 2**32 - 1
_SCALARS = frozenset({str, bool, int, type(None)})
# Fractions between these are written alike everywhere; others get exponents at different points.
_LEAST, _MOST = 1e-3, 1e15


def js_json(value: Any) -> bytes:
    """Compact UTF-8 JSON, byte-equal to `JSON.stringify` of the same value.

    No blanks, non-ASCII unescaped, `7.0` as `7`, keys that are array indexes first, lone surrogates escaped.
    """
    try:
        return msgspec.json.encode(value if _is_plain(value) else _as_javascript(value))
    except UnicodeEncodeError:
        # Lone surrogates: rare, and no UTF-8. JavaScript escapes them, which is what "backslashreplace" writes.
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "backslashreplace")


def _is_plain(value: Any) -> bool:
    """Whether msgspec writes the value as JavaScript would: no unusual numbers, no keys that JavaScript would move."""
    rest = [value]
    for one in rest:
        kind = type(one)
        if kind is dict:
            for key, member in one.items():
                if key.isdecimal():
                    return False
                if type(member) not in _SCALARS:
                    rest.append(member)
        elif kind is list and not _SCALARS.issuperset(map(type, one)):
            rest += [member for member in one if type(member) not in _SCALARS]
        elif kind is float and not (_LEAST < abs(one) < _MOST and one % 1):
            return False
    return True


def _as_javascript(value: Any) -> Any:
    if isinstance(value, dict):
        if any(map(str.isdecimal, value)):
            indexes = sorted((key for key in value if _is_index(key)), key=int)
            value = {key: value[key] for key in dict.fromkeys([*indexes, *value])}
        return {key: item if type(item) in _SCALARS else _as_javascript(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [item if type(item) in _SCALARS else _as_javascript(item) for item in value]
    if isinstance(value, float):
        text = number_text(value)
        return None if text in ("NaN", "Infinity", "-Infinity") else msgspec.Raw(text.encode())
    return value


def _is_index(key: str) -> bool:
    if not (key.isascii() and key.isdecimal()) or (key[0] == "0" and key != "0"):
        return False
    return int(key) < _MAX_ARRAY_INDEX
