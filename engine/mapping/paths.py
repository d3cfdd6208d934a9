"""Reading a path in an event (spec: mapping kit, section 3)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from engine.jstext import UNDEFINED, member

# A dot splits; a bracket only beside a digit or a quote, so that `[bar]` stays part of the key.
_SEPARATOR = re.compile(r"""\[(?=["'0-9])|\.|(?<=["'0-9])\]+""")
_QUOTES = str.maketrans("", "", "\"'")


@lru_cache(maxsize=8192)
def split_path(path: str) -> tuple[str, ...]:
    """The pieces of a path; none for the whole value ("" and ".").

    `list[0].sku` and `list.0.sku` are the same, `props['first name'].x` loses its quotes.
    """
    if path in ("", "."):
        return ()
    return tuple(piece.translate(_QUOTES) for piece in _SEPARATOR.split(path) if piece)


def event_path(path: str) -> tuple[str, ...]:
    """The pieces of the path of a directive: the first `$.`, wherever it stands, is dropped."""
    return split_path(path.replace("$.", "", 1))


def walk(value: Any, pieces: tuple[str, ...]) -> Any:
    """Follow the pieces. A missing step gives UNDEFINED; a falsy value on the way is the result."""
    for piece in pieces:
        if isinstance(value, dict):
            value = value.get(piece, UNDEFINED)
        elif isinstance(value, list) or (isinstance(value, str) and value):
            value = member(value, piece, UNDEFINED)
        else:
            return UNDEFINED if value else value
    return value
