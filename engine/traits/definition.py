"""A computed trait after parsing (definitions.md §2): frozen, hashable; equal definitions mean equal values."""

from __future__ import annotations

from dataclasses import dataclass

from engine.conditions.nodes import EventNode, Path

VERSION = 1
AGGREGATES = ("sum", "min", "max", "avg")
LOWEST_MINIMUM = 2
"""How often a most frequent value occurs at least, unless said otherwise (audiences-and-traits.md §12)."""


@dataclass(frozen=True, kw_only=True)
class EventTrait:
    """A value made of a profile's events, or of those of all users of an account.

    `event` is an event node whose count is not looked at. `path` leads to a property of the event, or, with
    `is_user_trait` (accounts only), to a trait of the user who did it; a counter of events has none.
    """

    version: int
    collection: str
    kind: str
    event: EventNode
    path: Path | None = None
    is_user_trait: bool = False
    aggregate: str = ""
    minimum: int = LOWEST_MINIMUM
