"""All types of steps, in the order of the menus."""

from __future__ import annotations

from importlib import import_module

from journeys.steps.kinds import StepKind

TYPES = (
    "entry",
    "condition",
    "delay",
    "true_false",
    "multi_branch",
    "random",
    "connect",
    "send_to_destinations",
    "show_ad",
)
KINDS: dict[str, StepKind] = {name: import_module(f"journeys.steps.{name}").kind for name in TYPES}


def kind_of(step_type: object) -> StepKind | None:
    """None for a type that this version does not know."""
    return KINDS.get(step_type) if isinstance(step_type, str) else None
