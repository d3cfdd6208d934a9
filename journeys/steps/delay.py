"""Add a delay: wait for a duration."""

from __future__ import annotations

from journeys.steps.durations import duration_fields, duration_words, posted_duration
from journeys.steps.kinds import Names, StepJson, StepKind


def _summary(step: StepJson, names: Names) -> str:
    words = duration_words(step.get("duration"))
    return f"Wait {words}" if words else "Set how long to wait"


kind = StepKind(
    type="delay",
    title="Delay",
    text="People wait for a fixed time, then go on.",
    icon="hourglass",
    family="flow",
    group="Flow control",
    words="add a delay wait time duration",
    summary=_summary,
    blank=lambda: {"duration": {"days": 1}},
    fields=lambda step, definition: {"duration": duration_fields(step.get("duration"))},
    read=lambda step, posted: {"duration": posted_duration(posted, "duration")},
)
