"""What a prediction looks at of a person's history, as of a cut-off: which figures, and what they are called.

A model is stored with its list of features; the SQL of each is `traits.predict_compiler`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

ANYTHING, TARGET = "any", "target"
WINDOWS = (7, 30, 90)
"""Days back from the cut-off in which things are counted; None counts all of history."""
EVER = None


@dataclass(frozen=True, kw_only=True)
class Happening:
    """A kind of event: type (0 track, 1 page, 2 screen) and name."""

    type: int
    name: str

    @property
    def words(self) -> str:
        return f"“{self.name}”" if self.type == 0 else f"{('page', 'screen')[self.type - 1]} “{self.name}”"


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """A numeric property of what is predicted (`slot` None) or of a usual event."""

    slot: int | None
    name: str


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """What people of a space usually do: events by their slot (1, 2 …), and the numbers that come with them."""

    happenings: tuple[Happening, ...] = ()
    numbers: tuple[Numbers, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Feature:
    """`measure` of `subject` (any, target, or the slot of an event) within the last `days` (None: ever).

    first, last: days since the first or last time, unknown if never; count; active: days with an event; gap: average
    days between two times; sum, mean: of the number `property`. `topic` groups figures that say the same to people.
    """

    measure: str
    subject: str | int
    days: int | None = EVER
    property: str = ""
    topic: str = ""


def features_of(vocabulary: Vocabulary, target: str) -> tuple[Feature, ...]:
    """The features in their order. `target` names what is predicted, for the topics."""
    found = [
        Feature(measure="first", subject=ANYTHING, topic="Days since the person was first seen"),
        Feature(measure="last", subject=ANYTHING, topic="Days since the person did anything"),
    ]
    for days in (*WINDOWS, EVER):
        found.append(Feature(measure="count", subject=ANYTHING, days=days, topic="How often the person did anything"))
    for days in WINDOWS[1:]:
        found.append(Feature(measure="active", subject=ANYTHING, days=days, topic="Days with any event"))
    found += [
        Feature(measure="first", subject=TARGET, topic=f"Days since the first {target}"),
        Feature(measure="last", subject=TARGET, topic=f"Days since the last {target}"),
        Feature(measure="gap", subject=TARGET, topic=f"Average days between one {target} and the next"),
    ]
    for days in (*WINDOWS, EVER):
        found.append(Feature(measure="count", subject=TARGET, days=days, topic=f"How often {target}"))
    for slot, happening in enumerate(vocabulary.happenings, start=1):
        found.append(Feature(measure="last", subject=slot, topic=f"Days since the last {happening.words}"))
        for days in WINDOWS[1:]:
            found.append(Feature(measure="count", subject=slot, days=days, topic=f"How often {happening.words}"))
    for number in vocabulary.numbers:
        subject: str | int = TARGET if number.slot is None else number.slot
        words = target if number.slot is None else vocabulary.happenings[number.slot - 1].words
        topic = f"“{number.name}” of {words}"
        found.append(Feature(measure="sum", subject=subject, days=90, property=number.name, topic=topic))
        found.append(Feature(measure="mean", subject=subject, property=number.name, topic=topic))
    return tuple(found)


def topics_of(features: Sequence[Feature]) -> list[tuple[str, list[int]]]:
    """The topics in order, each with the positions of its features."""
    found: dict[str, list[int]] = {}
    for position, feature in enumerate(features):
        found.setdefault(feature.topic, []).append(position)
    return list(found.items())


def as_json(vocabulary: Vocabulary) -> dict[str, Any]:
    """Plain data from which `from_json` makes the same vocabulary."""
    return {
        "happenings": [[each.type, each.name] for each in vocabulary.happenings],
        "numbers": [[each.slot, each.name] for each in vocabulary.numbers],
    }


def from_json(data: dict[str, Any]) -> Vocabulary:
    return Vocabulary(
        happenings=tuple(Happening(type=kind, name=name) for kind, name in data["happenings"]),
        numbers=tuple(Numbers(slot=slot, name=name) for slot, name in data["numbers"]),
    )
