"""How many people are, wait and were at each step of a version (ux.md §8.8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, Sum

from journeys.models import JourneyVersion, StepCount
from journeys.selectors.analytics import Basis
from journeys.selectors.steps import StepFacts, steps_of

NUMBERS = ("arrived", "joined", "first_joined", "left", "gave_up")


@dataclass(frozen=True, kw_only=True)
class StepNumbers:
    """One step. `here` and `waiting` are now, whatever the range; the rest is what happened in it.

    `joined` counts entries into the step, `unique` the people whose first one it was, `passed` who left it again.
    `previous_share` and `entry_share` are shares of 1 of what joined the step before, and the entry; None = of nobody.
    `branches` counts by branch id which way a split sent people.
    """

    facts: StepFacts
    here: int
    waiting: int
    joined: int
    unique: int
    passed: int
    previous_share: float | None
    entry_share: float | None
    branches: Mapping[str, int]

    def share(self, basis: Basis) -> float | None:
        return self.entry_share if basis.of_entry else self.previous_share

    def total(self, basis: Basis) -> int:
        return self.unique if basis.unique else self.joined


def step_counts(version: JourneyVersion, basis: Basis | None = None) -> list[StepNumbers]:
    """Every step of the version but *connect*, the entry first. Without a range: since it was published."""
    basis = basis or Basis()
    now, ranged, branches = _sums(version, basis)
    steps = steps_of(version)
    joined = {facts.step_id: _joined(ranged, facts.row.pk, unique=basis.unique) if facts.row else 0 for facts in steps}
    entered = joined[steps[0].step_id]
    found = []
    for facts in steps:
        row_id = facts.row.pk if facts.row else 0
        present, happened = now.get(row_id, {}), ranged.get(row_id, {})
        before = sum(joined.get(step_id, 0) for step_id in facts.previous)
        found.append(
            StepNumbers(
                facts=facts,
                here=present.get("joined", 0) - present.get("left", 0),
                waiting=present.get("arrived", 0) - present.get("joined", 0) - present.get("gave_up", 0),
                joined=happened.get("joined", 0),
                unique=happened.get("first_joined", 0),
                passed=happened.get("left", 0),
                previous_share=_share(joined[facts.step_id], before),
                entry_share=_share(joined[facts.step_id], entered),
                branches=branches.get(row_id, {}),
            )
        )
    return found


def _joined(sums: Mapping[int, Mapping[str, int]], row_id: int, *, unique: bool) -> int:
    return sums.get(row_id, {}).get("first_joined" if unique else "joined", 0)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _sums(
    version: JourneyVersion, basis: Basis
) -> tuple[dict[int, dict[str, int]], dict[int, dict[str, int]], dict[int, dict[str, int]]]:
    """Per step row: the sums of all hours, those of the range, and of the range who joined by branch."""
    sums: dict[str, Any] = {f"all_{name}": Sum(name) for name in NUMBERS}
    sums |= {f"in_{name}": Sum(name, filter=basis.hours or Q(step_id__gte=0), default=0) for name in NUMBERS}
    rows: Iterable[Mapping[str, Any]] = (
        StepCount.objects.filter(space_id=version.journey.space_id, version_id=version.pk)
        .values("step_id", "branch")
        .annotate(**sums)
    )
    now: dict[int, dict[str, int]] = {}
    ranged: dict[int, dict[str, int]] = {}
    branches: dict[int, dict[str, int]] = {}
    for row in rows:
        for name in NUMBERS:
            _add(now.setdefault(row["step_id"], {}), name, row[f"all_{name}"])
            _add(ranged.setdefault(row["step_id"], {}), name, row[f"in_{name}"])
        if row["branch"]:
            _add(branches.setdefault(row["step_id"], {}), row["branch"], row["in_joined"])
    return now, ranged, branches


def _add(sums: dict[str, int], name: str, number: int) -> None:
    sums[name] = sums.get(name, 0) + number
