"""Groups over verdicts: the SQL of who belongs and until when, from the SQL of the leaves."""

# ruff: noqa: S608 - the texts are built from our own templates; every value of a definition is a parameter.

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from audiences.compiler.statement import NEVER, PASSED

LONGEST_INLINE = 4_000


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`holds` is a boolean, and stays as it is until `flips_at`, a timestamptz, infinite if never; neither is null."""

    holds: str
    flips_at: str = NEVER


def negated(verdict: Verdict) -> Verdict:
    return Verdict(holds=f"(NOT {verdict.holds})", flips_at=verdict.flips_at)


def combined(children: Sequence[Verdict], *, is_all: bool) -> Verdict:
    """AND or OR. Decided by some children alone, the verdict stays until the last of those changes."""
    if len(children) == 1:
        return children[0]
    holds = f"({(' AND ' if is_all else ' OR ').join(child.holds for child in children)})"
    timed = [child for child in children if child.flips_at != NEVER]
    if not timed:
        return Verdict(holds=holds)
    if sum(len(child.flips_at) for child in timed) > LONGEST_INLINE:
        return Verdict(holds=holds, flips_at=_over_rows(children, is_all))
    first = _least([child.flips_at for child in timed])
    last = f"GREATEST({', '.join(_unless_other(child, is_all) for child in children)})"
    then, otherwise = (first, last) if is_all else (last, first)
    return Verdict(holds=holds, flips_at=f"(CASE WHEN {holds} THEN {then} ELSE {otherwise} END)")


def _over_rows(children: Sequence[Verdict], is_all: bool) -> str:
    """The same without saying any child's instant twice, which would double the text with every level of nesting."""
    rows = ", ".join(f"({child.holds}, {child.flips_at})" for child in children)
    every, deciding = ("bool_and", "NOT t.h") if is_all else ("NOT bool_or", "t.h")
    instant = f"CASE WHEN {every}(t.h) THEN min(t.r) ELSE max(t.r) FILTER (WHERE {deciding}) END"
    return f"(SELECT {instant} FROM (VALUES {rows}) t (h, r))"


def _least(instants: list[str]) -> str:
    return instants[0] if len(instants) == 1 else f"LEAST({', '.join(instants)})"


def _unless_other(child: Verdict, is_all: bool) -> str:
    if is_all:
        return f"CASE WHEN {child.holds} THEN {PASSED} ELSE {child.flips_at} END"
    return f"CASE WHEN {child.holds} THEN {child.flips_at} ELSE {PASSED} END"
