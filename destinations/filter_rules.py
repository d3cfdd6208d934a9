"""Filters of a destination as the pipeline applies them: rows compiled to the rules of `engine.filters`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from destinations.models import DestinationFilter
from engine.filters import parse
from engine.filters.rules import Rule, RuleKind, in_order
from engine.filters.tokens import path_pieces, path_text
from engine.fql import FqlError


def compile_filters(rows: Iterable[DestinationFilter]) -> tuple[Rule, ...]:
    """The enabled ones, in the order in which they are applied. One that cannot be read stays, and stops everything."""
    return in_order([compile_filter(row) for row in rows if row.is_enabled])


def compile_filter(row: DestinationFilter) -> Rule:
    problem, condition = "", None
    try:
        condition = parse(row.condition)
    except FqlError as error:
        problem = str(error)
    return Rule(
        name=row.name,
        kind=cast(RuleKind, row.kind),
        condition=condition,
        problem=problem,
        share=row.sample_percent / 100,
        path=path_pieces(row.sample_path),
        fields=tuple(path_pieces(path) for path in row.fields),
    )


def grouped_fields(paths: Iterable[str]) -> dict[str, list[str]]:
    """`["properties.email", "userId"]` as the API shows it: `{"properties": ["email"], "": ["userId"]}`."""
    found: dict[str, list[str]] = {}
    for path in paths:
        root, *rest = path_pieces(path)
        found.setdefault(root if rest else "", []).append(path_text(tuple(rest)) if rest else path)
    return found


def field_paths(given: Mapping[str, Any]) -> list[str]:
    """The way back."""
    return [f"{root}.{name}" if root else str(name) for root, names in given.items() for name in names]
