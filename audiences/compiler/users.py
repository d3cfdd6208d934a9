"""The part of a statement of accounts that is about their users: a verdict a user, then groups of an account."""

# ruff: noqa: S608 - the texts are built from our own templates; every value of a definition is a parameter.

from __future__ import annotations

from typing import TYPE_CHECKING

from audiences.compiler.scopes import Scope, within
from audiences.compiler.statement import NEVER, Columns
from audiences.compiler.trees import Verdict
from engine.conditions.nodes import UsersNode
from engine.conditions.profile_state import Options

if TYPE_CHECKING:
    from audiences.compiler.builder import Builder


class Users:
    """`builder` makes the statement of the users of `accounts`."""

    def __init__(self, builder: Builder, accounts: Scope) -> None:
        self.builder = builder
        self.accounts = accounts
        self.verdicts = Columns("v")
        self.columns = Columns("l")

    def verdict(self, node: UsersNode, options: Options) -> Verdict:
        """Over the facts `f` of the account."""
        found = self.builder.node(node.match, options)
        each = f"v.{self.verdicts.add(found.holds)}"
        is_all = node.quantifier == "all"
        every = f"{'bool_and' if is_all else 'bool_or'}({each})"
        holds = f"coalesce(f.{self.columns.add(every)}, false)"
        if node.quantifier == "none":
            holds = f"(NOT {holds})"
        if found.flips_at == NEVER:
            return Verdict(holds=holds)
        flip = f"v.{self.verdicts.add(found.flips_at)}"
        first, last = f"min({flip})", f"max({flip}) FILTER (WHERE {'NOT ' if is_all else ''}{each})"
        then, otherwise = (first, last) if is_all else (last, first)
        change = self.columns.add(f"CASE WHEN {every} THEN {then} ELSE {otherwise} END")
        return Verdict(holds=holds, flips_at=f"coalesce(f.{change}, {NEVER})")

    def ctes(self) -> list[str]:
        statement = self.builder.statement
        tests = [f"k.space_id = {statement.space}", *within(self.accounts, "k.account_id", statement)]
        return [
            *self.builder.ctes(),
            f"user_verdicts AS (SELECT f.id, {', '.join(self.verdicts.select())} FROM user_facts f)",
            f"linked AS (SELECT k.account_id, {', '.join(self.columns.select())} FROM account_link k "
            f"JOIN user_verdicts v ON v.id = k.profile_id WHERE {' AND '.join(tests)} GROUP BY k.account_id)",
        ]
