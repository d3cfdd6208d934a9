"""Conditions on one person, judged again only when something they look at has changed or is due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.conditions import Condition, EventRecord, Mentions, Options, ProfileState, Verdict, evaluate
from engine.conditions.profile_state import KNOWN_IDENTIFIERS
from engine.journeys.running import Judged
from engine.journeys.steps.base import VerdictLike

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
    """A condition with its options, and those of the person's events that it looks at."""

    __slots__ = ("condition", "events", "identifiers", "mentions", "options", "verdict")

    def __init__(self, condition: Condition, mentions: Mentions, options: Options) -> None:
        self.condition = condition
        self.mentions = mentions
        self.options = options
        self.identifiers = mentions.identifiers if options.include_anonymous else mentions.identifiers | _KNOWN
        self.events: list[EventRecord] = []
        self.verdict: VerdictLike | None = None

    def wants(self, event: EventRecord) -> bool:
        """Whether the event can count at all."""
        known = self.mentions.events
        if (event.type, event.name) not in known and (event.type, None) not in known:
            return False
        since = self.options.historical_from
        return since is None or event.received_at >= since

    def judge(
        self,
        traits: Mapping[str, Any],
        identifiers: Mapping[str, Sequence[str]],
        memberships: frozenset[str],
        now: datetime,
        *,
        with_evidence: bool,
    ) -> VerdictLike:
        """The verdict as of now, which is kept."""
        state = ProfileState(traits=traits, identifiers=identifiers, events=self.events, memberships=memberships)
        verdict: Verdict = evaluate(self.condition, state, now, self.options)
        self.verdict = verdict if with_evidence else Judged(verdict.is_member, verdict.recheck_at)
        return self.verdict

    def is_due(self, now: datetime) -> bool:
        recheck_at = None if self.verdict is None else self.verdict.recheck_at
        return recheck_at is not None and recheck_at <= now

    @property
    def due_at(self) -> datetime | None:
        return None if self.verdict is None else self.verdict.recheck_at
