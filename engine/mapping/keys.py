"""Which parts of an event a mapping reads (spec: mapping kit, section 5)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from engine.mapping.liquid import variables
from engine.mapping.writer import is_directive

_PLACEHOLDER = re.compile(r"\{\{(.*?)\}\}")
_TEXTS: dict[str, Callable[[str], list[str]]] = {
    "@path": lambda path: [path],
    "@template": _PLACEHOLDER.findall,
    "@liquid": variables,
}
_ONE_VALUE = ("@case", "@replace", "@json", "@flatten")


def field_keys(value: Any) -> list[str]:
    """The keys the reference reports, gaps included: nothing inside @literal, @merge, @transform, @excludeWhenNull."""
    if not isinstance(value, dict):
        return [key for item in value for key in field_keys(item)] if isinstance(value, list) else []
    if not is_directive(value):
        return [key for member in value.values() for key in field_keys(member)]
    return [key for key in _directive_keys(value) if key]


def _directive_keys(value: dict[str, Any]) -> list[str]:
    name = next(key for key in value if key.startswith("@"))
    content = value[name]
    if isinstance(content, str) and name in _TEXTS:
        return _TEXTS[name](content)
    if name == "@arrayPath" and isinstance(content, list):
        return [key for part in content if not isinstance(part, str) for key in field_keys(part)]
    if not isinstance(content, dict):
        return []
    if name == "@if":
        return [key for part in ("blank", "exists", "then", "else") for key in field_keys(content.get(part))]
    return field_keys(content.get("value")) if name in _ONE_VALUE else []


def paths_read(value: Any) -> list[str]:
    """Every path of the event a mapping may read, sorted, for an editor: also where `field_keys` has gaps.

    Paths inside the shape of @arrayPath and the mapping of @transform are relative to something else and left out.
    """
    return sorted(set(_collect(value)))


def _collect(value: Any) -> list[str]:
    if isinstance(value, list):
        return [path for item in value for path in _collect(item)]
    if not isinstance(value, dict):
        return []
    found: list[str] = []
    for key, member in value.items():
        if key == "@path" and isinstance(member, str):
            found.append(member.replace("$.", "", 1))
        elif key == "@template" and isinstance(member, str):
            found += [inside.strip("{ ") for inside in _PLACEHOLDER.findall(member)]
        elif key == "@liquid" and isinstance(member, str):
            found += variables(member)
        elif key == "@arrayPath" and isinstance(member, list) and member:
            root = member[0]
            found += [root.replace("$.", "", 1)] if isinstance(root, str) else _collect(root)
        elif key == "@transform" and isinstance(member, dict):
            found += _collect(member.get("apply"))
        else:
            found += _collect(member)
    return found
