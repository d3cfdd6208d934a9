"""The condition of an entry or a step: as written, and as a tree once it is complete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.conditions import Condition, ConditionError, describe, parse
from engine.conditions.describing import sentence_of
from engine.conditions.errors import Problem
from engine.journeys.key_order import ordered
from engine.journeys.reading import Reader


@dataclass(frozen=True, kw_only=True)
class ConditionSetting:
    """`raw` is None while nothing was chosen; `condition` is None then, and while `problems` are left."""

    raw: Mapping[str, Any] | None = None
    condition: Condition | None = None
    problems: tuple[Problem, ...] = ()

    @classmethod
    def read(cls, reader: Reader, raw: Mapping[str, Any], path: str, key: str = "condition") -> ConditionSetting:
        """A half-built condition is kept with its problems; something other than an object is refused."""
        value = raw.get(key)
        if value is None:
            return cls()
        if not isinstance(value, Mapping):
            detail = 'A condition is an object such as {"version": 1, "collection": "users", "where": …}, or null.'
            reader.problem(f"{path}/{key}", "wrong_type", detail)
            return cls()
        kept = ordered(value)
        try:
            return cls(raw=kept, condition=parse(kept))
        except ConditionError as error:
            return cls(raw=kept, problems=tuple(error.problems))

    def words(self) -> str:
        """The predicate, such as: performed “Order Completed” at least 1 time."""
        if self.condition is not None:
            return sentence_of(self.condition.where)
        return "no condition yet" if self.raw is None else "an unfinished condition"

    def sentence(self) -> str:
        """A whole sentence about who it is."""
        return describe(self.condition) if self.condition is not None else f"{self.words().capitalize()}."
