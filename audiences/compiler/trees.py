"""Groups over verdicts: the SQL of who belongs and until when, from the SQL of the leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from audiences.compiler.statement import NEVER, PASSED


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
    first = _least([child.flips_at for child in timed])
    last = f"GREATEST({', '.join(_unless_other(child, is_all) for child in children)})"
    then, otherwise = (first, last) if is_all else (last, first)
    return Verdict(holds=holds, flips_at=f"(CASE WHEN {holds} THEN {then} ELSE {otherwise} END)")


def _least(instants: list[str]) -> str:
    return instants[0] if len(instants) == 1 else f"LEAST({', '.join(instants)})"


def _unless_other(child: Verdict, is_all: bool) -> str:
    if is_all:
        return f"CASE WHEN {child.holds} THEN {PASSED} ELSE {child.flips_at} END"
    return f"CASE WHEN {child.holds} THEN {child.flips_at} ELSE {PASSED} END"
