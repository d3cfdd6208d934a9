"""Add a condition: whoever arrives waits until it holds, for ever if it never does (journeys.md §2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Self

from engine.conditions.nodes import Condition
from engine.journeys.reading import Reader
from engine.journeys.steps.base import JOINS, Next, RunLike, Step, VerdictLike
from engine.journeys.steps.checks import Checks
from engine.journeys.steps.condition_setting import ConditionSetting


@dataclass(frozen=True, kw_only=True)
class ConditionStep(Step):
    type: ClassVar[str] = "condition"
    label: ClassVar[str] = "Add a condition"
    keys: ClassVar[tuple[str, ...]] = ("name", "condition")
    is_judged: ClassVar[bool] = True
    waits: ClassVar[bool] = True

    setting: ConditionSetting = field(default_factory=ConditionSetting)

    @classmethod
    def read(cls, reader: Reader, raw: Mapping[str, Any], path: str, place: Mapping[str, Any]) -> Self:
        name = reader.optional_text(raw, path, "name")
        return cls(**place, name=name, setting=ConditionSetting.read(reader, raw, path))

    def data(self) -> dict[str, Any]:
        return {**super().data(), "condition": self.setting.raw}

    @property
    def condition(self) -> Condition | None:
        return self.setting.condition

    def judges(self) -> Condition | None:
        return self.setting.condition

    def arrive(self, run: RunLike, now: datetime, verdict: VerdictLike | None) -> Next:
        if verdict is None:
            return Next(False)
        return JOINS if verdict.is_member else Next(False, wake_at=verdict.recheck_at)

    def check(self, checks: Checks) -> None:
        checks.name(self.name, needed="Name this step by the people who reach it, such as Opened the email.")
        checks.condition(self.setting, needed="Say what people wait for here: add at least one condition.")

    def sentence(self) -> str:
        return f"Wait until: {self.setting.words()}"

    def told(self, run: RunLike, branch: str, reason: str) -> str:
        return f"Went on from “{self.title()}”: {reason}."

    def facts(self) -> dict[str, str]:
        return {"name": self.name, "condition": self.setting.words()}
