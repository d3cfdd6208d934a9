"""Add a condition: wait until it holds."""

from __future__ import annotations

from journeys.steps.conditions import condition_summary
from journeys.steps.kinds import StepKind

kind = StepKind(
    type="condition",
    title="Condition",
    text="People wait here until the condition holds, however long that takes.",
    icon="funnel",
    family="data",
    group="Flow control",
    words="add a condition wait until filter",
    summary=lambda step, names: condition_summary(step.get("condition")),
    blank=lambda: {"name": "", "condition": None},
    has_condition=True,
)
