"""What the two types that send have in common."""

from __future__ import annotations

from journeys.steps.kinds import Chip, Names, StepJson


def destination_chips(step: StepJson, names: Names) -> tuple[Chip, ...]:
    """The destinations by name; one that is gone is marked."""
    connections = step.get("connections")
    ids = [str(each.get("destination", "")) for each in connections or () if isinstance(each, dict)]
    return tuple(
        Chip(text=names.destinations[each], icon="plug")
        if each in names.destinations
        else Chip(text="Deleted destination" if names.destinations else each, icon="plug", tone="red")
        for each in ids
    )


def destination_summary(step: StepJson, names: Names) -> str:
    count = len(destination_chips(step, names))
    return "" if count else "No destination yet"
