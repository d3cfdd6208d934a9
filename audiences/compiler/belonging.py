"""SQL of what profiles belong to: audiences, audiences of their accounts, steps of journeys."""

# ruff: noqa: S608 - the texts are built from our own templates; every value of a definition is a parameter.

from __future__ import annotations

from collections.abc import Iterable, Mapping

from audiences.compiler.references import References
from audiences.compiler.scopes import Scope, within
from audiences.compiler.statement import Statement


def belongings(statement: Statement, references: References, scope: Scope) -> list[tuple[list[str], str]]:
    """What profiles belong to: the columns of the facts, and SQL of (profile_id, the columns)."""
    found: list[tuple[list[str], str]] = []
    if own := statement.memberships:
        tests = [f"m.space_id = {statement.space}", f"m.audience_id = ANY ({_array(statement, own)})", "m.is_member"]
        tests += within(scope, "m.profile_id", statement)
        columns = _pivoted(statement, own, "m.audience_id")
        rows = f"SELECT m.profile_id, {columns} FROM membership m WHERE {' AND '.join(tests)} GROUP BY m.profile_id"
        found.append((list(own.values()), rows))
    if accounts := statement.account_memberships:
        tests = [f"l.space_id = {statement.space}", *within(scope, "l.profile_id", statement)]
        rows = (
            f"SELECT l.profile_id, {_pivoted(statement, accounts, 'm.audience_id')} FROM account_link l "
            f"JOIN membership m ON m.space_id = l.space_id AND m.profile_id = l.account_id AND m.is_member "
            f"AND m.audience_id = ANY ({_array(statement, accounts)}) WHERE {' AND '.join(tests)} GROUP BY l.profile_id"
        )
        found.append((list(accounts.values()), rows))
    if steps := statement.steps:
        tested = "".join(f" AND {test}" for test in within(scope, "p.profile_id", statement))
        members = references.step_members.format(space=statement.space, steps=_array(statement, steps), scope=tested)
        columns = _pivoted(statement, steps, "j.step_id")
        rows = f"SELECT j.profile_id, {columns} FROM ({members}) j GROUP BY j.profile_id"
        found.append((list(steps.values()), rows))
    return found


def _array(statement: Statement, columns: Iterable[int]) -> str:
    return statement.param(list(columns), "bigint[]")


def _pivoted(statement: Statement, columns: Mapping[int, str], column: str) -> str:
    return ", ".join(
        f"bool_or({column} = {statement.param(row_id, 'bigint')}) AS {name}" for row_id, name in columns.items()
    )
