"""Show an ad: on the list of an advertising destination, for a time or for good."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict

from journeys.steps.durations import duration_fields, duration_words, posted_duration
from journeys.steps.kinds import Chip, Names, StepJson, StepKind
from journeys.steps.sending import destination_chips, destination_summary


def _read(step: StepJson, posted: QueryDict) -> dict[str, Any]:
    if posted.get("removes") != "1":
        return {"remove_after": None}
    # while no number is given the time stays as it was
    return {"remove_after": posted_duration(posted, "remove_after") or step.get("remove_after") or {"days": 30}}


def _chips(step: StepJson, names: Names) -> tuple[Chip, ...]:
    words = duration_words(step.get("remove_after"))
    return destination_chips(step, names) + ((Chip(text=f"Off after {words}", icon="timer"),) if words else ())


kind = StepKind(
    type="show_ad",
    title="Show an ad",
    text="Puts people on the list of an advertising destination, and takes them off again if you like.",
    icon="megaphone",
    family="action",
    group="Actions",
    words="show an ad advertising list",
    summary=destination_summary,
    chips=_chips,
    blank=lambda: {"name": "", "connections": [], "remove_after": None},
    fields=lambda step, definition: {"removal": duration_fields(step.get("remove_after") or {"days": 30})},
    read=_read,
)
