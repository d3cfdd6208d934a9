"""Randomized split: by chance, but the same branch for the same person every time (journeys.md §2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import md5
from typing import Any, ClassVar, Self

from engine.journeys.reading import Reader
from engine.journeys.steps.base import JOINS, Branch, Next, RunLike, Step, VerdictLike
from engine.journeys.steps.branching import (
    WHOLE,
    branches_json,
    check_branches,
    percent_of,
    percent_words,
    read_branches,
)
from engine.journeys.steps.checks import Checks

MOST_BRANCHES = 5
FEWEST_BRANCHES = 2


def draw(journey_id: str, step_id: str, segment_id: str) -> int:
    """0 to 9,999, the same for the same person at the same step in every entry and every version of a journey."""
    digest = md5(f"{journey_id}:{step_id}:{segment_id}".encode(), usedforsecurity=False).hexdigest()
    return int(digest[:8], 16) % WHOLE


@dataclass(frozen=True, kw_only=True)
class RandomStep(Step):
    type: ClassVar[str] = "random"
    label: ClassVar[str] = "Randomized split"
    keys: ClassVar[tuple[str, ...]] = ("name", "branches")
    splits: ClassVar[bool] = True

    parts: tuple[Branch, ...] = ()

    @classmethod
    def read(cls, reader: Reader, raw: Mapping[str, Any], path: str, place: Mapping[str, Any]) -> Self:
        name = reader.optional_text(raw, path, "name")
        return cls(**place, name=name, parts=read_branches(reader, raw, path, with_percent=True))

    def data(self) -> dict[str, Any]:
        return {**super().data(), "branches": branches_json(self.parts, with_percent=True)}

    def branches(self) -> tuple[Branch, ...]:
        return self.parts

    def arrive(self, run: RunLike, now: datetime, verdict: VerdictLike | None) -> Next:
        drawn = draw(run.journey_id, self.id, run.segment_id)
        for branch in self.parts:
            drawn -= branch.hundredths or 0
            if drawn < 0:
                return Next(True, branch=branch.id)
        return JOINS

    def check(self, checks: Checks) -> None:
        checks.name(self.name, needed="Name this split, such as Which subject line.")
        check_branches(checks, self.parts, fewest=FEWEST_BRANCHES, most=MOST_BRANCHES)
        for index, branch in enumerate(self.parts):
            path = f"/branches/{index}/percent"
            if branch.hundredths is None:
                checks.error(path, "percent_required", "Give this branch its share in percent.")
            elif branch.hundredths == 0:
                checks.warning(path, "empty_share", "Nobody takes a branch of 0 %.")
        if self.parts and all(branch.hundredths is not None for branch in self.parts):
            total = sum(branch.hundredths or 0 for branch in self.parts)
            if total != WHOLE:
                detail = f"The shares add up to {percent_of(total)} %; make it exactly 100 %."
                checks.error("/branches", "percent_total", detail)

    def sentence(self) -> str:
        shares = ", ".join(f"{branch.name} {percent_words(branch.hundredths)}" for branch in self.parts)
        return f"Split by chance: {shares or 'no branches yet'}"

    def told(self, run: RunLike, branch: str, reason: str) -> str:
        drawn = percent_of(draw(run.journey_id, self.id, run.segment_id))
        name = next((part.name for part in self.parts if part.id == branch), "none")
        return f"Took branch {name} by chance: the number of this person is {drawn} of 100."

    def facts(self) -> dict[str, str]:
        shares = [f"{branch.name} {percent_words(branch.hundredths)}" for branch in self.parts]
        return {"name": self.name, "shares": ", ".join(shares)}
