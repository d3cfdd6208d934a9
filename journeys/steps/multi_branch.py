"""Multi-branch split: every branch begins with a condition; people may go several ways."""

from __future__ import annotations

from typing import Any

from journeys.steps.branching import branch_rows, branches_of, new_branch, posted_names
from journeys.steps.kinds import Branch, Names, StepJson, StepKind


def _branches(step: StepJson) -> tuple[Branch, ...]:
    return tuple(
        Branch(id=str(branch["id"]), name=str(branch.get("name") or f"Branch {index + 1}"))
        for index, branch in enumerate(branches_of(step))
    )


def _blank() -> dict[str, Any]:
    first = new_branch([])
    return {"name": "", "branches": [first, new_branch([first])]}


def _summary(step: StepJson, names: Names) -> str:
    return f"{len(branches_of(step))} branches, each with its condition"


kind = StepKind(
    type="multi_branch",
    title="Multi-branch split",
    text="People wait in all branches at once and go down each whose condition comes to hold.",
    icon="network",
    family="data",
    group="Flow control",
    words="multi branch split several ways",
    summary=_summary,
    branches=_branches,
    blank=_blank,
    fields=lambda step, definition: {"rows": branch_rows(step)},
    read=lambda step, posted: {"branches": posted_names(step, posted)},
)
