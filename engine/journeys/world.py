"""What exists around a journey, as far as its definition may name it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class DestinationFacts:
    """A configured destination. `kind` is "event" or "list"; `takes_traits`: Customized Setup may add traits."""

    name: str
    kind: str = "event"
    is_enabled: bool = True
    takes_traits: bool = True


@dataclass(frozen=True, kw_only=True)
class World:
    """`audiences` maps every key and public id to the audience's name, `destinations` public ids to facts.

    Without a `World` nothing is known and no reference is checked (`World.unknown()`).
    """

    audiences: Mapping[str, str] = field(default_factory=dict)
    destinations: Mapping[str, DestinationFacts] = field(default_factory=dict)
    checks_references: bool = True

    @classmethod
    def unknown(cls) -> World:
        """For places that have only the definition."""
        return cls(checks_references=False)
