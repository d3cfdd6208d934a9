"""One person's history, as a walk through a journey is given it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.conditions import Condition, EventRecord, Options


@dataclass(frozen=True, kw_only=True)
class ProfileWrite:
    """At `at` the profile got these values: a trait replaces the one of its key, identifiers those of their type."""

    at: datetime
    traits: Mapping[str, Any] = field(default_factory=dict)
    identifiers: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Person:
    """`traits` and `identifiers` are what the person has from the beginning; `writes` come later.

    An event happens to the walk at its `received_at`; its `timestamp` is what windows look at. For stored history,
    where many were imported together, give the timestamp as both. `memberships` are keys and ids of audiences that
    the walk does not compute itself, such as deleted ones.
    """

    segment_id: str
    events: Sequence[EventRecord] = ()
    traits: Mapping[str, Any] = field(default_factory=dict)
    identifiers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    writes: Sequence[ProfileWrite] = ()
    memberships: frozenset[str] = frozenset()

    def profile_at(self, at: datetime) -> tuple[dict[str, Any], dict[str, Sequence[str]]]:
        """Traits and identifiers as they are at `at`: what a payload of then is made of."""
        traits, identifiers = dict(self.traits), dict(self.identifiers)
        for write in sorted(self.writes, key=lambda write: write.at):
            if write.at <= at:
                traits |= write.traits
                identifiers |= write.identifiers
        return traits, identifiers


@dataclass(frozen=True, kw_only=True)
class AudienceFacts:
    """An audience that conditions refer to by any of `names` (key and public id)."""

    names: frozenset[str]
    condition: Condition
    options: Options = field(default_factory=Options)
