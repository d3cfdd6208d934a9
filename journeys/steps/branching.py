"""Branches with ids of their own, as the sheets of splits post them."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict

from journeys.steps.kinds import StepJson

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def branches_of(step: StepJson) -> list[dict[str, Any]]:
    """The branches of a definition that are well-formed enough to show."""
    raw = step.get("branches")
    return [branch for branch in raw if isinstance(branch, dict) and branch.get("id")] if isinstance(raw, list) else []


def new_branch(taken: list[dict[str, Any]], **data: Any) -> dict[str, Any]:
    """A branch with a free id (`a`, `b`, … `b27`) and a free name."""
    ids = {str(branch["id"]) for branch in taken}
    names = {str(branch.get("name", "")) for branch in taken}
    letters = [letter for letter in LETTERS if letter.lower() not in ids and f"Branch {letter}" not in names]
    number = len(taken) + 1
    while not letters and (f"b{number}" in ids or f"Branch {number}" in names):
        number += 1
    found = {"id": letters[0].lower(), "name": f"Branch {letters[0]}"} if letters else {
        "id": f"b{number}", "name": f"Branch {number}",
    }  # fmt: skip
    return found | data


def posted_names(step: StepJson, posted: QueryDict) -> list[dict[str, Any]]:
    """The branches with the names of the form (`branch-<id>`); those that the form does not name stay."""
    return [
        {**branch, "name": posted.get(f"branch-{branch['id']}", str(branch.get("name", ""))).strip()}
        for branch in branches_of(step)
    ]


def branch_rows(step: StepJson) -> list[dict[str, Any]]:
    """The branches as rows of a form."""
    found = branches_of(step)
    return [
        {
            "id": str(branch["id"]),
            "name": str(branch.get("name") or ""),
            "percent": "" if branch.get("percent") is None else f"{branch['percent']:g}",
            "number": index + 1,
            "is_first": index == 0,
            "is_last": index == len(found) - 1,
        }
        for index, branch in enumerate(found)
    ]
