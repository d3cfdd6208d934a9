"""Randomized split: by weight, and always the same way for the same person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from journeys.steps.branching import branch_rows, branches_of, new_branch, posted_names
from journeys.steps.kinds import Branch, Names, StepJson, StepKind

MOST_BRANCHES = 5
WHOLE = 100


def percent_of(raw: Any) -> float | int | None:
    """A percentage of the definition; None when it is none."""
    return raw if isinstance(raw, int | float) and not isinstance(raw, bool) else None


def total_of(branches: list[dict[str, Any]]) -> float:
    return round(sum(percent_of(branch.get("percent")) or 0 for branch in branches), 2)


def evened(branches: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The branches with shares that differ by at most 0.01 and total 100 exactly."""
    count = len(branches)
    hundredths = [10_000 // count + (1 if index < 10_000 % count else 0) for index in range(count)] if count else []
    return [{**branch, "percent": plain(part / 100)} for branch, part in zip(branches, hundredths, strict=True)]


def plain(number: float) -> float | int:
    return int(number) if float(number).is_integer() else round(number, 2)


def _posted_percent(text: str) -> float | int | None:
    try:
        number = float(text.strip().replace(",", ".").removesuffix("%"))
    except ValueError:
        return None
    return plain(number) if 0 <= number <= 100 else None


def _read(step: StepJson, posted: QueryDict) -> dict[str, Any]:
    branches = posted_names(step, posted)
    for branch in branches:
        if (name := f"percent-{branch['id']}") in posted:
            branch["percent"] = _posted_percent(posted.get(name, ""))
    return {"branches": branches}


def _branches(step: StepJson) -> tuple[Branch, ...]:
    return tuple(
        Branch(
            id=str(branch["id"]),
            name=str(branch.get("name") or f"Branch {index + 1}"),
            share="" if percent_of(branch.get("percent")) is None else f"{branch['percent']:g} %",
        )
        for index, branch in enumerate(branches_of(step))
    )


def _summary(step: StepJson, names: Names) -> str:
    shares = [percent_of(branch.get("percent")) for branch in branches_of(step)]
    text = " / ".join("?" if share is None else f"{share:g}" for share in shares)
    return f"{text} %" if text else "No branches"


def _fields(step: StepJson, definition: Mapping[str, Any]) -> dict[str, Any]:
    total = total_of(branches_of(step))
    return {"rows": branch_rows(step), "total": plain(total), "is_whole": total == WHOLE, "most": MOST_BRANCHES}


def _blank() -> dict[str, Any]:
    first = new_branch([])
    return {"name": "", "branches": evened([first, new_branch([first])])}


kind = StepKind(
    type="random",
    title="Randomized split",
    text="Shares people out at random by percentages. A person goes the same way every time.",
    icon="shuffle",
    family="flow",
    group="Flow control",
    words="random randomized split test experiment percent",
    summary=_summary,
    branches=_branches,
    blank=_blank,
    fields=_fields,
    read=_read,
)
