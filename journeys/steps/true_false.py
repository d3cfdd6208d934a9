"""True/false split: judged once, at arrival."""

from __future__ import annotations

from journeys.steps.conditions import condition_summary
from journeys.steps.kinds import Branch, StepJson, StepKind


def _branches(step: StepJson) -> tuple[Branch, ...]:
    return (
        Branch(id="true", name=str(step.get("true_name") or "True")),
        Branch(id="false", name=str(step.get("false_name") or "False")),
    )


kind = StepKind(
    type="true_false",
    title="True/false split",
    text="Judged once, on arrival: who meets the condition goes one way, everybody else the other.",
    icon="split",
    family="data",
    group="Flow control",
    words="true false split yes no branch",
    summary=lambda step, names: condition_summary(step.get("condition")),
    branches=_branches,
    blank=lambda: {"name": "", "condition": None, "true_name": "True", "false_name": "False"},
    read=lambda step, posted: {
        "true_name": posted.get("true_name", "").strip(),
        "false_name": posted.get("false_name", "").strip(),
    },
    has_condition=True,
)
