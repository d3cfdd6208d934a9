"""Conditions on one person, judged again only when something they look at has changed or is due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.conditions import Condition, EventRecord, Evidence, Mentions, Options, ProfileState, evaluate
from engine.conditions.judging import Judge, Ruling
from engine.conditions.profile_state import KNOWN_IDENTIFIERS

_KNOWN = frozenset(KNOWN_IDENTIFIERS)


@dataclass(slots=True)
class Touched:
    """What changed at one instant: (type, name) of events, keys of traits, types of identifiers, audiences."""

    events: set[tuple[str, str | None]] = field(default_factory=set)
    traits: set[str] = field(default_factory=set)
    identifiers: set[str] = field(default_factory=set)
    audiences: set[str] = field(default_factory=set)

    def concerns(self, watched: Watched) -> bool:
        """Whether a verdict may be another one now. `events` holds (type, None) for every type in it, too."""
        mentions = watched.mentions
        return (
            not self.events.isdisjoint(mentions.events)
            or not self.traits.isdisjoint(mentions.traits)
            or not self.identifiers.isdisjoint(watched.identifiers)
            or not self.audiences.isdisjoint(mentions.audiences)
        )


class Watched:
    """A condition with its options, and those of the person's events that it looks at.

    Events are only kept when they come, and matched when a verdict is asked for: most never are.
    """

    __slots__ = ("condition", "events", "identifiers", "judge", "judged", "mentions", "options", "ruling")

    def __init__(self, condition: Condition, mentions: Mentions, options: Options) -> None:
        self.condition = condition
        self.mentions = mentions
        self.options = options
        self.identifiers = mentions.identifiers if options.include_anonymous else mentions.identifiers | _KNOWN
        self.events: list[EventRecord] = []
        self.judge = Judge(condition, options)
        self.judged = 0
        self.ruling: Ruling | None = None

    def wants(self, event: EventRecord) -> bool:
        """Whether the event can count at all."""
        known = self.mentions.events
        if (event.type, event.name) not in known and (event.type, None) not in known:
            return False
        since = self.options.historical_from
        return since is None or event.received_at >= since

    def rule(
        self,
        traits: Mapping[str, Any],
        identifiers: Mapping[str, Sequence[str]],
        memberships: frozenset[str],
        now: datetime,
    ) -> Ruling:
        """The verdict as of now, which is kept."""
        for event in self.events[self.judged :]:
            self.judge.add(event)
        self.judged = len(self.events)
        self.ruling = self.judge.judge(traits, identifiers, memberships, now)
        return self.ruling

    def evidence(
        self,
        traits: Mapping[str, Any],
        identifiers: Mapping[str, Sequence[str]],
        memberships: frozenset[str],
        now: datetime,
    ) -> Evidence:
        """Why the verdict as of now is what it is."""
        state = ProfileState(traits=traits, identifiers=identifiers, events=self.events, memberships=memberships)
        return evaluate(self.condition, state, now, self.options).evidence

    def is_due(self, now: datetime) -> bool:
        return self.due_at is not None and self.due_at <= now

    @property
    def due_at(self) -> datetime | None:
        return None if self.ruling is None else self.ruling.recheck_at
