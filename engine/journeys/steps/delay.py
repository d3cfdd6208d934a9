"""Add a delay: whoever arrives goes on when the time has passed (journeys.md §2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, ClassVar, Self

from engine.conditions.nodes import Duration
from engine.journeys import durations
from engine.journeys.reading import Reader
from engine.journeys.steps.base import Next, RunLike, Step, VerdictLike
from engine.journeys.steps.checks import Checks


@dataclass(frozen=True, kw_only=True)
class DelayStep(Step):
    """`duration` is None while it is not set."""

    type: ClassVar[str] = "delay"
    label: ClassVar[str] = "Add a delay"
    keys: ClassVar[tuple[str, ...]] = ("name", "duration")

    duration: Duration | None = None

    @classmethod
    def read(cls, reader: Reader, raw: Mapping[str, Any], path: str, place: Mapping[str, Any]) -> Self:
        name = reader.optional_text(raw, path, "name")
        return cls(**place, name=name, duration=reader.optional_duration(raw, path, "duration"))

    def data(self) -> dict[str, Any]:
        return {**super().data(), "duration": durations.as_json(self.duration)}

    def arrive(self, run: RunLike, now: datetime, verdict: VerdictLike | None) -> Next:
        if self.duration is None:
            return Next(True, holds=True)
        return Next(True, wake_at=now + self._span, holds=True)

    @cached_property
    def _span(self) -> timedelta:
        return timedelta(0) if self.duration is None else durations.span_of(self.duration)

    def check(self, checks: Checks) -> None:
        checks.name(self.name)
        if self.duration is None:
            checks.error("/duration", "duration_required", 'Say how long to wait, such as {"days": 3}.')

    def sentence(self) -> str:
        return "Wait (no duration yet)" if self.duration is None else f"Wait {durations.in_words(self.duration)}"

    def told(self, run: RunLike, branch: str, reason: str) -> str:
        return f"{self.sentence()}."

    def facts(self) -> dict[str, str]:
        words = "" if self.duration is None else durations.in_words(self.duration)
        return {"name": self.name, "duration": words}
