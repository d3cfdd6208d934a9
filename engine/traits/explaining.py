"""How a trait's value came about: which events were looked at, what each was worth, and when time alone changes it.

`explain` looks at an event step by step and says at which step it was left out; which events count, and the value, are
those of `evaluation.evaluate`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from engine.conditions.describing import words_of_test, words_of_then, words_of_window
from engine.conditions.evidence import moment_after
from engine.conditions.instants import micros_of, moment_of
from engine.conditions.matching import Matcher, is_named, property_of
from engine.conditions.nodes import Before, Between, Duration, Since, Test, Within
from engine.conditions.operators import RELATIVE_DATES, exact, relative_interval
from engine.conditions.profile_state import EventRecord, Options, ProfileState
from engine.conditions.windows import Life, life_in
from engine.traits.definition import EventTrait
from engine.traits.describing import value_name
from engine.traits.evaluation import NO_OPTIONS, dated, evaluate, happenings, has_counted, inside_at, value_of
from engine.traits.folding import fold

MOST_LOOKS = 1_000
MOST_WORK = 2_000_000
"""Looks times events, after which nobody waits any longer for the next change."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """A step that an event has to pass: of the `of` events that came to it, `passed` went on."""

    sentence: str
    passed: int
    of: int

    @property
    def holds(self) -> bool:
        return self.passed > 0


@dataclass(frozen=True, kw_only=True)
class Seen:
    """An event of the right name. `owner` is the Segment ID of the user who did it.

    `why` is empty for an event that counts, else says why not; `note` says of one that counts that its value does not
    matter. `since` is when it begins to count, `until` when it ceases to; None: now already, and never or not at all.
    `is_decisive`: the value of the trait is the value of this event.
    """

    id: str
    at: datetime
    owner: str
    value: Any
    why: str = ""
    note: str = ""
    since: datetime | None = None
    until: datetime | None = None
    is_decisive: bool = False


@dataclass(frozen=True, kw_only=True)
class Account:
    """`value` at `now`; `changes_at` when time alone makes it `becomes` (None: never, or `is_known` is false).

    `counted` and `left_out` are newest first, decisive events before the others. `used` of the counted events have a
    value that matters. `window` are the bounds between which events count now, None where time does not matter.
    """

    value: Any
    changes_at: datetime | None
    becomes: Any
    is_known: bool
    checks: tuple[Check, ...]
    counted: tuple[Seen, ...]
    used: int
    left_out: tuple[Seen, ...]
    window: tuple[datetime | None, datetime | None] | None


def explain(trait: EventTrait, profile: ProfileState, now: datetime, options: Options = NO_OPTIONS) -> Account:
    """Pure; of a trait of accounts, the events of `profile.users` are looked at."""
    valuation = evaluate(trait, profile, now, options)
    looking = _Looking(trait, profile, now, options)
    seen = [looking.seen(doer, event) for doer in looking.doers for event in looking.named(doer)]
    counted = [one for one in seen if not one.why]
    decisive = _decisive(trait, counted, valuation.value)
    counted = [replace(one, is_decisive=place in decisive) for place, one in enumerate(counted)]
    changes_at, becomes, is_known = _next_value(trait, profile, now, options, valuation.value)
    return Account(
        value=valuation.value,
        changes_at=changes_at,
        becomes=becomes,
        is_known=is_known,
        checks=looking.checks(),
        counted=_ordered(counted),
        used=sum(1 for one in counted if not one.note),
        left_out=_ordered([one for one in seen if one.why]),
        window=_bounds(trait, now),
    )


class _Step(NamedTuple):
    """`test` None: the window, or with `is_then` what has to follow."""

    sentence: str
    test: Test | None = None
    is_then: bool = False
    is_option: bool = False


class _Looking:
    """Events against the steps, which count as they go."""

    def __init__(self, trait: EventTrait, profile: ProfileState, now: datetime, options: Options) -> None:
        self.trait, self.options, self.moment = trait, options, now
        self.now = micros_of(now)
        self.matcher = Matcher(profile.traits, self.now)
        self.doers = list(profile.users) if trait.collection == "accounts" else [profile]
        self.lives = {
            (id(each.doer), id(each.event)): each.life for each in happenings(trait, profile, now, options).happened
        }
        self.steps = self._steps()
        self.passed = [0] * (len(self.steps) + 1)

    def _steps(self) -> list[_Step]:
        event = self.trait.event
        steps = [_Step("Received since the trait was created", is_option=True)] if self.options.historical_from else []
        steps += [_Step(_capital(words_of_test(test)), test=test) for test in event.properties]
        steps.append(_Step(_capital(words_of_window(event.window)) or "Has happened by now"))
        if event.then is not None:
            steps.append(_Step(_capital(words_of_then(event.then)), is_then=True))
        return steps

    def named(self, doer: ProfileState) -> list[EventRecord]:
        node = self.trait.event
        return [event for event in doer.events if is_named(event, node.type, node.name)]

    def checks(self) -> tuple[Check, ...]:
        return tuple(
            Check(sentence=step.sentence, passed=self.passed[place + 1], of=self.passed[place])
            for place, step in enumerate(self.steps)
        )

    def seen(self, doer: ProfileState, event: EventRecord) -> Seen:
        value = value_of(self.trait, event, doer)
        life = self.lives.get((id(doer), id(event)))
        self.passed[0] += 1
        for place, step in enumerate(self.steps):
            found = self._failed(step, event, life)
            if found is not None:
                why, since, until = found
                return Seen(
                    id=event.id,
                    at=event.timestamp,
                    owner=doer.name,
                    value=value,
                    why=why,
                    since=moment_after(self.moment, since),
                    until=moment_after(self.moment, until),
                )
            self.passed[place + 1] += 1
        return Seen(
            id=event.id,
            at=event.timestamp,
            owner=doer.name,
            value=value,
            note=_note(self.trait, value),
            until=None if life is None else moment_after(self.moment, life.end),
        )

    def _failed(self, step: _Step, event: EventRecord, life: Life | None) -> tuple[str, int | None, int | None] | None:
        """Why it does not get beyond the step, from when on it would, and since when it does not any more."""
        if step.is_option:
            since = self.options.historical_from
            is_early = since is not None and event.received_at < since
            return ("Received before the trait was created", None, None) if is_early else None
        if step.test is not None:
            return self._failed_test(step.test, event)
        if step.is_then:
            return self._failed_then(life)
        return self._outside(life_in(self.trait.event.window, micros_of(event.timestamp)), "window")

    def _failed_test(self, test: Test, event: EventRecord) -> tuple[str, int | None, int | None] | None:
        value = property_of(event, test.path)
        if test.operator in RELATIVE_DATES and isinstance(test.operand, Duration):
            interval = relative_interval(test.operator, value, test.operand.micros)
            if interval is not None:
                start, end = interval
                return self._outside(Life(self.now if start is None else start, end), "date")
        elif self.matcher.test(test, value, None).holds:
            return None
        why = f"“{'.'.join(test.path)}” is missing" if value is None else f"Not so: {words_of_test(test)}"
        return why, None, None

    def _outside(self, life: Life | None, what: str) -> tuple[str, int | None, int | None] | None:
        if life is None:
            return "Outside of the window", None, None
        if life.start > self.now:
            return "Does not count yet", life.start, None
        if life.end is not None and life.end <= self.now:
            return ("Has left the window" if what == "window" else "Its date has passed"), None, life.end
        return None

    def _failed_then(self, life: Life | None) -> tuple[str, int | None, int | None] | None:
        if life is not None:
            return self._outside(life, "window")
        is_wanted = self.trait.event.then is not None and self.trait.event.then.performed
        return ("Was not followed by it in time" if is_wanted else "Was followed by it"), None, None


def _decisive(trait: EventTrait, counted: Sequence[Seen], value: Any) -> set[int]:
    """Places of the events whose value is the trait's; empty for kinds that all events make together."""
    if value is None:
        return set()
    same = {place for place, one in enumerate(counted) if is_same(one.value, value)}
    if trait.kind in {"first", "last"}:
        pick = min if trait.kind == "first" else max
        at = pick((counted[place].at for place in same), default=None)
        return {place for place in same if counted[place].at == at}
    is_extreme = trait.kind == "aggregation" and trait.aggregate in {"min", "max"}
    return same if is_extreme or trait.kind == "most_frequent" else set()


def _note(trait: EventTrait, value: Any) -> str:
    """Why the value of an event that counts does not matter; "" if it does."""
    name = f"“{value_name(trait)}”"
    if trait.path is None:
        return ""
    if value is None:
        return f"Has no {name}"
    found = exact(value)
    if trait.kind == "aggregation":
        return "" if found is not None and found[0] == "number" else f"{name} is no number"
    is_plain = found is not None or trait.kind in {"first", "last"}
    return "" if is_plain else f"{name} is neither text nor number nor true or false"


def _ordered(seen: Sequence[Seen]) -> tuple[Seen, ...]:
    """Newest first; those that decide before the others."""
    newest = sorted(seen, key=lambda one: (one.at, one.id), reverse=True)
    return tuple(sorted(newest, key=lambda one: not one.is_decisive))


def _next_value(
    trait: EventTrait, profile: ProfileState, now: datetime, options: Options, value: Any
) -> tuple[datetime | None, Any, bool]:
    """When time alone makes the value another, which, and whether all instants were looked at."""
    happened, passing = happenings(trait, profile, now, options)
    moment = micros_of(now)
    ends = {each.life.end for each in happened if each.life.end is not None}
    instants = sorted(at for at in {each.life.start for each in happened} | ends | set(passing) if at > moment)
    looks = min(MOST_LOOKS, max(1, MOST_WORK // max(1, len(happened))))
    for instant in instants[:looks]:
        values = dated(trait, inside_at(happened, instant))
        later = fold(trait, values, has_history=has_counted(passing, instant))
        if not is_same(later, value):
            return moment_after(now, instant), later, True
    return None, None, len(instants) <= looks


def is_same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal as the database compares them: 1 and 1.0 are, 1 and true are not."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(is_same(*pair) for pair in zip(one, other, strict=True))
    if one is None or other is None:
        return one is other
    return exact(one) == exact(other) and (exact(one) is not None)


def _bounds(trait: EventTrait, now: datetime) -> tuple[datetime | None, datetime | None] | None:
    """Between which times events count now; None for any time."""
    window, moment = trait.event.window, micros_of(now)
    match window:
        case Within():
            return _earlier(moment, window.duration), now
        case Between():
            return _earlier(moment, window.start), _earlier(moment, window.end)
        case Since():
            return moment_after(now, window.instant.micros), None
        case Before():
            return None, moment_after(now, window.instant.micros)
    return None


def _earlier(moment: int, duration: Duration) -> datetime | None:
    try:
        return moment_of(moment - duration.micros)
    except OverflowError:
        return None


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
