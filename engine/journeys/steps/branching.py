"""Branches as a list in the JSON of a split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from engine.journeys.reading import Reader
from engine.journeys.steps.base import Branch
from engine.journeys.steps.checks import Checks

MOST_BRANCHES = 100
WHOLE = 10_000
"""All of a randomized split, in hundredths of a percent."""


def read_branches(reader: Reader, raw: Mapping[str, Any], path: str, *, with_percent: bool) -> tuple[Branch, ...]:
    """The branches that have the right form; an id that is there twice is a problem."""
    found: list[Branch] = []
    seen: set[str] = set()
    for item, place in reader.objects(raw, path, "branches", most=MOST_BRANCHES):
        reader.known_keys(item, place, ("id", "name", "percent") if with_percent else ("id", "name"))
        branch_id = reader.identifier(item, place, "id", "the id of the branch")
        if branch_id in seen and branch_id:
            reader.problem(f"{place}/id", "duplicate_id", f"There is another branch {branch_id}; give it its own id.")
        seen.add(branch_id)
        name = reader.optional_text(item, place, "name")
        hundredths = _hundredths(reader, item, place) if with_percent else None
        found.append(Branch(id=branch_id, name=name, hundredths=hundredths))
    return tuple(found)


def branches_json(branches: Sequence[Branch], *, with_percent: bool) -> list[dict[str, Any]]:
    """Canonical JSON of the list."""
    found: list[dict[str, Any]] = [{"id": branch.id, "name": branch.name} for branch in branches]
    if with_percent:
        for item, branch in zip(found, branches, strict=True):
            item["percent"] = percent_of(branch.hundredths)
    return found


def check_branches(checks: Checks, branches: Sequence[Branch], *, fewest: int, most: int) -> None:
    """Enough, not too many, each named, no name twice."""
    if len(branches) < fewest:
        checks.error("/branches", "too_few_branches", f"A split has at least {fewest} branches; add one.")
    if len(branches) > most:
        checks.error("/branches", "too_many_branches", f"This split has at most {most} branches; remove some.")
    seen: set[str] = set()
    for index, branch in enumerate(branches):
        path = f"/branches/{index}/name"
        checks.name(branch.name, path=path, needed="Name this branch.", what="name of the branch")
        name = branch.name.strip()
        if name and name in seen:
            checks.error(path, "duplicate_branch_name", f"Another branch is called {name}; choose a different name.")
        seen.add(name)


def percent_of(hundredths: int | None) -> int | float | None:
    """As JSON: a whole number where it is one."""
    if hundredths is None:
        return None
    return hundredths // 100 if hundredths % 100 == 0 else hundredths / 100


def percent_words(hundredths: int | None) -> str:
    return "no share yet" if hundredths is None else f"{percent_of(hundredths)} %"


def _hundredths(reader: Reader, raw: Mapping[str, Any], path: str) -> int | None:
    value = raw.get("percent")
    if value is None:
        return None
    if not isinstance(value, bool) and isinstance(value, int | float | Decimal) and 0 <= value <= 100:
        exact = (Decimal(repr(value)) if isinstance(value, float) else Decimal(value)) * 100
        if exact == exact.to_integral_value():
            return int(exact)
    detail = "Use a number from 0 to 100 with at most two decimal places."
    reader.problem(f"{path}/percent", "invalid_percent", detail)
    return None
