"""The entry condition, first step of every journey."""

from __future__ import annotations

from journeys.steps.conditions import condition_summary
from journeys.steps.kinds import Chip, Names, StepJson, StepKind


def _chips(step: StepJson, names: Names) -> tuple[Chip, ...]:
    return (Chip(text="Uses historical data", icon="history"),) if step.get("use_historical") else ()


kind = StepKind(
    type="entry",
    title="Entry condition",
    text="Who enters the journey, and when.",
    icon="log-in",
    family="entry",
    group="Entry",
    summary=lambda step, names: condition_summary(step.get("condition")),
    chips=_chips,
    read=lambda step, posted: {"use_historical": posted.get("use_historical") == "1"},
    has_condition=True,
    is_addable=False,
)
