"""True/false split: judged once, when somebody arrives; never changed later (journeys.md §2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Self

from engine.conditions.nodes import Condition
from engine.journeys.reading import Reader
from engine.journeys.steps.base import Branch, Next, RunLike, Step, VerdictLike
from engine.journeys.steps.checks import Checks
from engine.journeys.steps.condition_setting import ConditionSetting

TRUE, FALSE = "true", "false"
_TAKES_TRUE, _TAKES_FALSE = Next(True, branch=TRUE), Next(True, branch=FALSE)


@dataclass(frozen=True, kw_only=True)
class TrueFalseStep(Step):
    """Its branches are "true" and "false"; without names of their own they are called True and False."""

    type: ClassVar[str] = "true_false"
    label: ClassVar[str] = "True/false split"
    keys: ClassVar[tuple[str, ...]] = ("name", "condition", "true_name", "false_name")
    is_judged: ClassVar[bool] = True
    splits: ClassVar[bool] = True

    setting: ConditionSetting = field(default_factory=ConditionSetting)
    true_name: str = "True"
    false_name: str = "False"

    @classmethod
    def read(cls, reader: Reader, raw: Mapping[str, Any], path: str, place: Mapping[str, Any]) -> Self:
        return cls(
            **place,
            name=reader.optional_text(raw, path, "name"),
            setting=ConditionSetting.read(reader, raw, path),
            true_name=reader.optional_text(raw, path, "true_name", default="True"),
            false_name=reader.optional_text(raw, path, "false_name", default="False"),
        )

    def data(self) -> dict[str, Any]:
        names = {"true_name": self.true_name, "false_name": self.false_name}
        return {**super().data(), "condition": self.setting.raw, **names}

    @property
    def condition(self) -> Condition | None:
        return self.setting.condition

    def branches(self) -> tuple[Branch, ...]:
        return (Branch(id=TRUE, name=self.true_name), Branch(id=FALSE, name=self.false_name))

    def judges(self) -> Condition | None:
        return self.setting.condition

    def arrive(self, run: RunLike, now: datetime, verdict: VerdictLike | None) -> Next:
        if verdict is None:
            return Next(False)
        return _TAKES_TRUE if verdict.is_member else _TAKES_FALSE

    def check(self, checks: Checks) -> None:
        checks.name(self.name)
        checks.condition(self.setting, needed="Say what decides here: add at least one condition.")
        for key, name in (("true_name", self.true_name), ("false_name", self.false_name)):
            checks.name(name, path=f"/{key}", needed="Name this branch.", what="name of the branch")
        if self.true_name.strip() and self.true_name.strip() == self.false_name.strip():
            detail = "Both branches have the same name; give them different ones."
            checks.error("/false_name", "duplicate_branch_name", detail)

    def sentence(self) -> str:
        return f"Split in two: {self.setting.words()}"

    def told(self, run: RunLike, branch: str, reason: str) -> str:
        return f"Took branch {self.true_name if branch == TRUE else self.false_name}: {reason}."

    def facts(self) -> dict[str, str]:
        return {
            "name": self.name,
            "condition": self.setting.words(),
            "name of the true branch": self.true_name,
            "name of the false branch": self.false_name,
        }
