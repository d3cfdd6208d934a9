"""Two definitions as one canvas: what is new, what does something else now, and what is gone where it stood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.journeys.places import step_of, steps_of
from journeys.canvas.layout import layout
from journeys.canvas.model import CanvasModel
from journeys.canvas.overlays import Mark, Overlay, StepOverlay
from journeys.services.differing import changed_steps
from journeys.steps.kinds import Names

TEXTS = {"added": "New in this version", "altered": "Does something else in this version", "removed": "Removed"}
KINDS = {"added": "added", "altered": "changed", "removed": "removed"}
TONES = {"added": "green", "altered": "amber", "removed": "red"}


def diff_canvas(
    before: Mapping[str, Any] | None, after: Mapping[str, Any], *, names: Names, people: Mapping[str, int] | None = None
) -> CanvasModel:
    """`people`: how many are at a step, by its id, written beside it."""
    if before is None:
        return layout(after, Overlay(names=names))
    changes = changed_steps(before, after)
    removed = [step for step_id in changes.removed if (step := step_of(before, step_id)) is not None]
    marks = dict.fromkeys(changes.added, "added")
    marks |= dict.fromkeys(changes.altered, "altered")
    marks |= dict.fromkeys(changes.removed, "removed")
    overlay = Overlay(
        steps={
            step_id: StepOverlay(
                mark=Mark(kind=KINDS[change], text=TEXTS[change]),
                badges=((TONES[change], _badge(change, (people or {}).get(step_id, 0))),),
            )
            for step_id, change in marks.items()
        },
        names=names,
    )
    return layout({**after, "steps": [*steps_of(after), *removed]}, overlay)


def _badge(change: str, people: int) -> str:
    word = {"added": "new", "altered": "changed", "removed": "removed"}[change]
    return f"{word}, {people:,} here" if people else word
