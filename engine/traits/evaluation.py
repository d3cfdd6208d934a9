"""The value of a trait for one profile in memory, with evidence: for explain, tests and simulation.

`traits/compiler.py` gives the same value in SQL; a Hypothesis test holds the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from engine.conditions.evidence import iso, moment_after
from engine.conditions.instants import micros_of
from engine.conditions.matching import Matcher, is_named, life_after, property_of
from engine.conditions.nodes import Child
from engine.conditions.operators import look_up
from engine.conditions.profile_state import EventRecord, Options, ProfileState
from engine.conditions.windows import Life
from engine.traits.definition import EventTrait
from engine.traits.describing import describe
from engine.traits.folding import Dated, fold, reads_history

MOST_EVENTS_SHOWN = 10
NO_OPTIONS = Options()


@dataclass(frozen=True, kw_only=True)
class Valuation:
    """`value` is plain JSON data (numbers may be Decimal), None when the trait is absent.

    `recheck_at` is the next instant after `now` at which the value can change by time alone, never too late.
    `facts` is plain JSON: how many events count, the newest of them with their values, the window's bounds.
    """

    value: Any
    recheck_at: datetime | None
    sentence: str
    facts: dict[str, Any] = field(default_factory=dict)


class Happening(NamedTuple):
    """An event that matches, whose it is, and when it counts."""

    event: EventRecord
    doer: ProfileState
    life: Life


class Happenings(NamedTuple):
    """What can ever count, whatever the time. `passing` are the microseconds of the events that match by themselves,
    whether or not what has to follow them did."""

    happened: list[Happening]
    passing: list[int]


def evaluate(trait: EventTrait, profile: ProfileState, now: datetime, options: Options = NO_OPTIONS) -> Valuation:
    """The value at `now` (aware). For a trait of accounts, the events of `profile.users` count. Pure; never raises on
    odd data."""
    moment = micros_of(now)
    happened, passing = happenings(trait, profile, now, options)
    inside = inside_at(happened, moment)
    values = dated(trait, inside)
    return Valuation(
        value=fold(trait, values, has_history=has_counted(passing, moment)),
        recheck_at=moment_after(now, _next_change(happened, inside, passing if reads_history(trait) else [], moment)),
        sentence=describe(trait),
        facts=_facts(inside, values),
    )


def happenings(trait: EventTrait, profile: ProfileState, now: datetime, options: Options = NO_OPTIONS) -> Happenings:
    """The events of the profile, or of an account's users, that match the trait's event."""
    doers = profile.users if trait.collection == "accounts" else (profile,)
    matcher = Matcher(profile.traits, micros_of(now))
    happened: list[Happening] = []
    passing: list[int] = []
    for doer in doers:
        events = [event for event in doer.events if _counts(event, options)]
        for event in events:
            if is_named(event, trait.event.type, trait.event.name) and matcher.passes(
                event, trait.event.properties, None
            ):
                passing.append(micros_of(event.timestamp))
            life = matcher.life(event, trait.event)
            if life is not None and trait.event.then is not None:
                life = _followed(matcher, events, event, life, trait.event.then)
            if life is not None:
                happened.append(Happening(event, doer, life))
    return Happenings(happened, passing)


def inside_at(happened: Sequence[Happening], moment: int) -> list[Happening]:
    """Those that count at an instant."""
    return [
        each for each in happened if each.life.start <= moment and (each.life.end is None or moment < each.life.end)
    ]


def has_counted(passing: Sequence[int], moment: int) -> bool:
    """Whether there is history by an instant: the difference between 0 and no value."""
    return any(at <= moment for at in passing)


def dated(trait: EventTrait, inside: Sequence[Happening]) -> list[Dated]:
    """What `fold` makes the value of."""
    return [(micros_of(each.event.timestamp), value_of(trait, each.event, each.doer)) for each in inside]


def value_of(trait: EventTrait, event: EventRecord, doer: ProfileState) -> Any:
    """What an event brings: its property, or the trait of the user who did it; None for a counter."""
    if trait.path is None:
        return None
    return look_up(doer.traits, trait.path) if trait.is_user_trait else property_of(event, trait.path)


def _followed(
    matcher: Matcher, events: Sequence[EventRecord], parent: EventRecord, life: Life, child: Child
) -> Life | None:
    start = micros_of(parent.timestamp)
    followers = [
        micros_of(event.timestamp)
        for event in events
        if start < micros_of(event.timestamp) <= start + child.duration.micros
        and is_named(event, child.type, child.name)
        and matcher.passes(event, child.properties, parent)
    ]
    return life_after(life, start, child, min(followers, default=None))


def _next_change(
    happened: Sequence[Happening], inside: Sequence[Happening], passing: Sequence[int], now: int
) -> int | None:
    """When an event begins or ceases to count: earlier than that nothing changes."""
    coming = [
        each.life.start
        for each in happened
        if each.life.start > now and (each.life.end is None or each.life.start < each.life.end)
    ]
    going = [each.life.end for each in inside if each.life.end is not None]
    return min([*coming, *going, *(at for at in passing if at > now)], default=None)


def _facts(inside: Sequence[Happening], values: Sequence[Dated]) -> dict[str, Any]:
    order = sorted(
        zip(inside, values, strict=True),
        key=lambda pair: (pair[0].event.timestamp, pair[0].event.id),
        reverse=True,
    )
    return {
        "count": len(inside),
        "events": [
            {"id": each.event.id, "timestamp": iso(each.event.timestamp), "value": value}
            for each, (_, value) in order[:MOST_EVENTS_SHOWN]
        ],
    }


def _counts(event: EventRecord, options: Options) -> bool:
    if options.historical_from is not None and event.received_at < options.historical_from:
        return False
    return options.occurred_from is None or event.timestamp >= options.occurred_from
