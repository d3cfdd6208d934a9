"""Over which profiles a statement runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from audiences.compiler.statement import Statement


@dataclass(frozen=True, kw_only=True)
class Everyone:
    """All profiles of the collection."""


@dataclass(frozen=True, kw_only=True)
class TheseProfiles:
    """The given ids: the touched profiles of real time, the due ones of a recheck."""

    ids: Sequence[int]

    @cached_property
    def as_text(self) -> str:
        """A `bigint[]` parameter: psycopg is slow with long Python lists."""
        return "{" + ",".join(map(str, self.ids)) + "}"


@dataclass(frozen=True, kw_only=True)
class IdRange:
    """first <= id <= last: a slice of a backfill."""

    first: int
    last: int


@dataclass(frozen=True, kw_only=True)
class UsersOf:
    """The users of the accounts in a scope."""

    accounts: Everyone | TheseProfiles | IdRange

    @property
    def is_few(self) -> bool:
        return isinstance(self.accounts, TheseProfiles)

    def ids(self, statement: Statement) -> str:
        """SQL of their ids; one that belongs to two accounts comes twice."""
        tests = [f"l.space_id = {statement.space}", *within(self.accounts, "l.account_id", statement)]
        return f"SELECT l.profile_id FROM account_link l WHERE {' AND '.join(tests)}"  # noqa: S608 - our own text


Scope = Everyone | TheseProfiles | IdRange | UsersOf


def within(scope: Scope, column: str, statement: Statement) -> list[str]:
    """Tests that keep `column`, a profile id, inside the scope."""
    match scope:
        case TheseProfiles():
            return [f"{column} = ANY ({statement.param(scope.as_text, 'bigint[]')})"]
        case IdRange():
            first, last = statement.param(scope.first, "bigint"), statement.param(scope.last, "bigint")
            return [f"{column} BETWEEN {first} AND {last}"]
        case UsersOf():
            return [f"{column} IN ({scope.ids(statement)})"]
        case _:
            return []
