"""What can be wrong with a definition: every problem at once, each with its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One mistake. `path` is a JSON pointer into the definition, `code` is stable, `detail` says what to do."""

    path: str
    code: str
    detail: str


class ConditionError(ValueError):
    """A definition that cannot be used. `problems` holds all of them, in document order, never empty."""

    code = "invalid_condition"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(f"{problem.path or '/'}: {problem.detail}" for problem in self.problems))
