"""Connect to existing step: the end of a branch goes on at a step of another one (journeys.md §2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from engine.journeys.reading import Reader
from engine.journeys.steps.base import Step
from engine.journeys.steps.checks import Checks


@dataclass(frozen=True, kw_only=True)
class ConnectStep(Step):
    """Nobody is ever at it: it makes `to` a following step of the one before. "" while no target was chosen."""

    type: ClassVar[str] = "connect"
    label: ClassVar[str] = "Connect to existing step"
    keys: ClassVar[tuple[str, ...]] = ("to",)

    to: str = ""

    @classmethod
    def read(cls, reader: Reader, raw: Mapping[str, Any], path: str, place: Mapping[str, Any]) -> Self:
        return cls(**place, to=reader.optional_text(raw, path, "to"))

    def data(self) -> dict[str, Any]:
        return {"to": self.to or None}

    def target(self) -> str | None:
        return self.to

    def check(self, checks: Checks) -> None:
        if not self.to:
            checks.error("/to", "target_required", "Choose the step that this branch goes on to.")

    def sentence(self) -> str:
        return f"Go on to {self.to}" if self.to else "Go on to a step (none chosen yet)"

    def facts(self) -> dict[str, str]:
        return {"target": self.to}
