"""What pages call a step: its name; a delay without one by how long it is, since “Delay” tells none from another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.journeys.editing import title_of
from journeys.steps.durations import duration_words


def called(step: Mapping[str, Any]) -> str:
    """Such as “Bought?”, “Wait 1 day” or, where neither a name nor a duration is given, “Delay”."""
    if step.get("type") == "delay" and not str(step.get("name") or "").strip():
        words = duration_words(step.get("duration"))
        return f"Wait {words}" if words else title_of(step)
    return title_of(step)
