"""What is wrong with the definition of a trait: every problem at once, each with its place."""

from __future__ import annotations

from collections.abc import Sequence

from engine.conditions.errors import Problem


class TraitError(ValueError):
    """A definition that cannot be used. `problems` holds all of them, in document order, never empty."""

    code = "invalid_trait"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(f"{problem.path or '/'}: {problem.detail}" for problem in self.problems))
