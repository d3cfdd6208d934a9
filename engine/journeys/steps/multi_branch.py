"""Multi-branch split: the conditions of all branches wait side by side; none shuts out another (journeys.md §2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from engine.journeys.reading import Reader
from engine.journeys.steps.base import Branch, RunLike, Step
from engine.journeys.steps.branching import MOST_BRANCHES, branches_json, check_branches, read_branches
from engine.journeys.steps.checks import Checks

FEWEST_BRANCHES = 2


@dataclass(frozen=True, kw_only=True)
class MultiBranchStep(Step):
    type: ClassVar[str] = "multi_branch"
    label: ClassVar[str] = "Multi-branch split"
    keys: ClassVar[tuple[str, ...]] = ("name", "branches")
    splits: ClassVar[bool] = True
    side_by_side: ClassVar[bool] = True

    parts: tuple[Branch, ...] = ()

    @classmethod
    def read(cls, reader: Reader, raw: Mapping[str, Any], path: str, place: Mapping[str, Any]) -> Self:
        name = reader.optional_text(raw, path, "name")
        return cls(**place, name=name, parts=read_branches(reader, raw, path, with_percent=False))

    def data(self) -> dict[str, Any]:
        return {**super().data(), "branches": branches_json(self.parts, with_percent=False)}

    def branches(self) -> tuple[Branch, ...]:
        return self.parts

    def check(self, checks: Checks) -> None:
        checks.name(self.name)
        check_branches(checks, self.parts, fewest=FEWEST_BRANCHES, most=MOST_BRANCHES)

    def sentence(self) -> str:
        names = ", ".join(branch.name or branch.id for branch in self.parts)
        return f"Split into branches: {names or 'none yet'}"

    def told(self, run: RunLike, branch: str, reason: str) -> str:
        return "Waits at the conditions of all branches."

    def facts(self) -> dict[str, str]:
        return {"name": self.name, "branches": ", ".join(branch.name for branch in self.parts)}
