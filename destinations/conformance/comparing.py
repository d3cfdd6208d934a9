"""Comparing what came out with what was recorded, as JSON compares."""

from __future__ import annotations

import json
from typing import Any

IGNORED = "(not compared)"


def as_json(value: Any) -> str:
    """Tells true from 1 but not 7 from 7.0, and pays no heed to the order of members."""
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def without(value: Any, pointers: list[str]) -> Any:
    """`value` without the members that the pointers name; list items become IGNORED, so that the others keep their
    places. `*` is any member, `**` any depth, `a|b` one of the two, `hashed*Name` any such name."""
    for pointer in pointers:
        value = _cut(value, [part for part in pointer.split("/") if part])
    return value


def _cut(value: Any, path: list[str]) -> Any:
    if not path:
        return IGNORED
    head, rest = path[0], path[1:]
    if head == "**":
        return _cut_everywhere(_cut(value, rest), path)
    if isinstance(value, dict):
        cut = {key: _cut(member, rest) if _names(head, key) else member for key, member in value.items()}
        return {key: member for key, member in cut.items() if rest or not _names(head, key)}
    if isinstance(value, list):
        return [_cut(item, rest) if _names(head, str(place)) else item for place, item in enumerate(value)]
    return value


def _cut_everywhere(value: Any, path: list[str]) -> Any:
    if isinstance(value, dict):
        return {key: _cut(member, path) for key, member in value.items()}
    return [_cut(item, path) for item in value] if isinstance(value, list) else value


def _names(pattern: str, key: str) -> bool:
    for name in pattern.split("|"):
        begin, star, end = name.partition("*")
        if star and len(key) >= len(begin) + len(end) and key.startswith(begin) and key.endswith(end):
            return True
        if not star and name == key:
            return True
    return False
