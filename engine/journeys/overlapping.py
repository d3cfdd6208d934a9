"""Branches of a multi-branch split that the same people take (ux.md §8.4): told, not refused.

Found is what shows in the conditions as written: the same tests, or all tests of one branch among those of another.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Named = tuple[str, Mapping[str, Any]]
"""A branch's name and the JSON of its condition (definitions.md §1)."""


def overlaps(branches: Sequence[Named]) -> Iterator[tuple[int, str]]:
    """The place of a branch and a sentence on how an earlier one overlaps it; each branch at most once."""
    tests = [_tests(condition.get("where")) for _, condition in branches]
    for index, (name, _) in enumerate(branches):
        for before, (other, _) in enumerate(branches[:index]):
            if not tests[index] or not tests[before]:
                continue
            if tests[index] == tests[before]:
                yield index, f"The branches {other} and {name} have the same condition: people take both of them."
                break
            if tests[index] < tests[before] or tests[before] < tests[index]:
                narrow, wide = (name, other) if tests[before] < tests[index] else (other, name)
                yield index, f"Whoever takes the branch {narrow} meets the condition of {wide} too, and takes both."
                break


def _tests(where: Any) -> frozenset[str]:
    """What all has to hold, as comparable texts."""
    if isinstance(where, Mapping) and set(where) == {"all"} and isinstance(where["all"], list | tuple):
        return frozenset().union(*map(_tests, where["all"]))
    return frozenset() if where is None else frozenset((_text(where),))


def _text(node: Any) -> str:
    return json.dumps(_sorted(node), sort_keys=True, default=str)


def _sorted(node: Any) -> Any:
    """The order within `all` and `any` does not matter."""
    if isinstance(node, Mapping):
        found = {key: _sorted(value) for key, value in node.items()}
        for key in ("all", "any"):
            if isinstance(found.get(key), list):
                found[key] = sorted(found[key], key=_text)
        return found
    return [_sorted(item) for item in node] if isinstance(node, list | tuple) else node
