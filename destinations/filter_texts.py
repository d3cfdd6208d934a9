"""Conditions of filters as rows of an editor (which writes them back, static/destinations/filter.js), and in words."""

from __future__ import annotations

import json
from typing import Any

from destinations.models import DestinationFilter
from engine.filters import parse
from engine.filters.grammar import Node
from engine.filters.tokens import path_text
from engine.fql import FqlError

Kind = DestinationFilter.Kind
ONLY_SEND = "ONLY_SEND"
# Operator of a row -> (words, whether it has a value).
OPERATORS: dict[str, tuple[str, bool]] = {
    "is": ("is (text)", True),
    "is_not": ("is not (text)", True),
    "is_number": ("is (number)", True),
    "is_not_number": ("is not (number)", True),
    "contains": ("contains", True),
    "not_contains": ("does not contain", True),
    "matches": ("glob matches", True),
    "not_matches": ("does not glob match", True),
    "more": ("is more than", True),
    "less": ("is less than", True),
    "true": ("is true", False),
    "false": ("is false", False),
    "null": ("is null", False),
    "not_null": ("is not null", False),
}
_CALLS = {"contains": "contains", "match": "matches"}
_NUMBERS = ("is_number", "is_not_number", "more", "less")
_SIGNS = {"is": "=", "is_not": "!=", "is_number": "=", "is_not_number": "!=", "more": ">", "less": "<"}
_FIXED = {"true": "= true", "false": "= false", "null": "= null", "not_null": "!= null"}


def rows_of(condition: str) -> dict[str, Any] | None:
    """`{"joiner", "rows"}` of a condition of one level; None for what rows cannot show."""
    try:
        tree = parse(condition).tree
    except FqlError:
        return None
    nodes = tree.children if tree.kind in ("and", "or") else (tree,)
    rows = [_row_of(node) for node in nodes]
    found = [row for row in rows if row is not None]
    return {"joiner": "or" if tree.kind == "or" else "and", "rows": found} if len(found) == len(rows) else None


def _row_of(node: Node) -> dict[str, str] | None:
    is_negated = node.kind == "not"
    if is_negated:
        [node] = node.children
    if node.kind == "call" and node.value in _CALLS:
        path, value = node.children
        if path.kind != "path" or value.kind != "value" or not isinstance(value.value, str):
            return None
        operator = ("not_" if is_negated else "") + _CALLS[node.value]
        return {"field": path_text(path.value), "operator": operator, "value": value.value}
    if is_negated or node.kind != "compare":
        return None
    path, value = node.children
    if path.kind != "path" or value.kind != "value":
        return None
    found = _comparison_row(str(node.value), value.value)
    return {"field": path_text(path.value), "operator": found[0], "value": found[1]} if found else None


def _comparison_row(sign: str, value: Any) -> tuple[str, str] | None:
    if value is None or isinstance(value, bool):
        text = f"{sign} {json.dumps(value)}"
        fixed = next((operator for operator, written in _FIXED.items() if written == text), None)
        return (fixed, "") if fixed else None
    is_text = isinstance(value, str)
    wanted = next((one for one, written in _SIGNS.items() if written == sign and (one in _NUMBERS) != is_text), None)
    return (wanted, value if is_text else json.dumps(value)) if wanted else None


def as_chosen(row: DestinationFilter) -> tuple[str, str]:
    """(kind, condition) as the editor shows them: a Drop of everything else is "Only send"."""
    inner = row.condition[2:-1].strip()
    if row.kind == Kind.DROP and row.condition.startswith("!(") and row.condition.endswith(")"):
        try:
            parse(inner)
            tree = parse(row.condition).tree
        except FqlError:
            return row.kind, row.condition
        if tree.kind == "not":
            return ONLY_SEND, inner
    return row.kind, row.condition


def as_stored(kind: str, condition: str) -> tuple[str, str]:
    """The way back."""
    return (Kind.DROP, f"!({condition.strip()})") if kind == ONLY_SEND else (kind, condition)


def described(row: DestinationFilter) -> str:
    """What a filter does, in a few words; its condition is shown beside it."""
    kind, _condition = as_chosen(row)
    fields = ", ".join(row.fields)
    return {
        ONLY_SEND: "Sends only events that match",
        Kind.DROP: "Drops events that match",
        Kind.SAMPLE: f"Sends {row.sample_percent:g} % of the events that match, by {row.sample_path}",
        Kind.DROP_PROPERTIES: f"Takes out {fields}",
        Kind.ALLOW_PROPERTIES: f"Keeps only {fields}",
    }[kind]
