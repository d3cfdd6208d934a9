"""Over which profiles a statement runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from audiences.compiler.statement import Statement


@dataclass(frozen=True, kw_only=True)
class Everyone:
    """All profiles of the collection."""


@dataclass(frozen=True, kw_only=True)
class TheseProfiles:
    """The given ids: the touched profiles of real time, the due ones of a recheck."""

    ids: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class IdRange:
    """first <= id <= last: a slice of a backfill."""

    first: int
    last: int


Scope = Everyone | TheseProfiles | IdRange


def within(scope: Scope, column: str, statement: Statement) -> list[str]:
    """Tests that keep `column`, a profile id, inside the scope."""
    match scope:
        case TheseProfiles():
            return [f"{column} = ANY ({statement.param(list(scope.ids), 'bigint[]')})"]
        case IdRange():
            first, last = statement.param(scope.first, "bigint"), statement.param(scope.last, "bigint")
            return [f"{column} BETWEEN {first} AND {last}"]
        case _:
            return []
