"""From a condition tree back to text (spec: FQL, section 6)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from engine.fql.errors import FqlError
from engine.jstext import number_text, text, to_number

_FIELDS = {"event-type": "type", "event": "event", "name": "name", "userId": "userId"}
_CONTAINERS = {"event-property": "properties", "event-trait": "traits", "event-context": "context"}
_TO_ESCAPE = re.compile(r"[^a-zA-Z0-9._-]")
_EXISTENCE = {"exists": "!= null", "not_exists": "= null", "is_true": "= true", "is_false": "= false"}
_NUMERIC = {"number_equals": "=", "number_not_equals": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_PATTERNS = {"starts_with": "{}*", "ends_with": "*{}"}


def generate(tree: Mapping[str, Any]) -> str:
    """The text of a tree. Raises FqlError for a tree that holds an error or an unknown condition type.

    Not every tree survives the way back through `parse`: see `survives`.
    """
    if tree.get("error"):
        raise FqlError("The tree holds an error instead of conditions.", 0)
    written = _group(tree)
    if written.startswith("(") and written.endswith(")") and written.count("(") + written.count(")") == 2:
        return written[1:-1]
    return written


def _group(node: Mapping[str, Any]) -> str:
    children = node.get("children")
    if not isinstance(children, (list, tuple)):
        raise FqlError("A group has to list its children.", 0)
    parts = [f"({_group(child)})" if child.get("type") == "group" else _condition(child) for child in children]
    return f" {node.get('operator')} ".join(parts)


def _condition(node: Mapping[str, Any]) -> str:
    node_type, operator, value = node.get("type"), str(node.get("operator")), node.get("value")
    if node_type in _FIELDS:
        field = _FIELDS[node_type]
    elif node_type in _CONTAINERS:
        field = f"{_CONTAINERS[node_type]}.{_TO_ESCAPE.sub(lambda match: chr(92) + match.group(), str(node['name']))}"
    else:
        raise FqlError(f"Unknown condition type {node_type!r}.", 0)
    if operator in _EXISTENCE:
        return f"{field} {_EXISTENCE[operator]}"
    if operator in _NUMERIC:
        return f"{field} {_NUMERIC[operator]} {number_text(to_number(value))}"
    positive = operator.removeprefix("not_")
    sign = "" if positive == operator else "!"
    if positive == "contains":
        return f"{sign}contains({field}, {_value(value)})"
    if positive in _PATTERNS:
        return f'{sign}match({field}, "{_PATTERNS[positive].format(text(value))}")'
    return f"{field} {operator} {_value(value)}"


def _value(value: Any) -> str:
    return text(value) if isinstance(value, (bool, int, float)) else f'"{text(value)}"'
