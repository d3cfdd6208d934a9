"""What can be wrong with a journey: its form, which nobody can store, and what stops a draft from being published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.conditions.errors import Problem

ERROR, WARNING = "error", "warning"


class DefinitionError(ValueError):
    """JSON that is no journey, not even an incomplete one. `problems` holds all of them, never empty."""

    code = "invalid_journey"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(f"{problem.path or '/'}: {problem.detail}" for problem in self.problems))


@dataclass(frozen=True, kw_only=True)
class JourneyProblem:
    """One thing to correct. `step` is the id of the step it is about ("entry" for the entry), None for the journey.

    `path` is a JSON pointer into the definition, `code` is stable, `detail` says what to do. A warning does not stop
    publishing.
    """

    severity: str
    step: str | None
    path: str
    code: str
    detail: str
