"""One person through one journey on a virtual clock: what the test, the dry run and the model test run.

The clock goes from instant to instant at which something can happen: an event or a write, a condition that time may
change, a delay, a removal, the exit, a re-entry. At each instant, first what happened is taken in, then audiences are
judged, then the open run moves, then the entry is judged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from engine.conditions import EventRecord, Evidence, Options, mentions
from engine.conditions.judging import Ruling
from engine.journeys.person import AudienceFacts, Person, ProfileWrite
from engine.journeys.plan import Plan
from engine.journeys.running import RunState, begin, settle
from engine.journeys.steps.base import ENTRY
from engine.journeys.telling import Moment, Teller
from engine.journeys.tracing import TraceEntry
from engine.journeys.watching import Touched, Watched

MOST_INSTANTS = 200_000


class WalkTooLongError(ValueError):
    """The journey does more things to one person than anybody can look at."""

    code = "walk_too_long"

    def __init__(self, at: datetime) -> None:
        self.at = at
        super().__init__(
            f"More than {MOST_INSTANTS:,} things happen to one person until {at.isoformat()}. "
            "Choose a shorter period, or a longer exit or re-entry time."
        )


@dataclass(frozen=True, kw_only=True)
class Walked:
    """All runs of the person, oldest first; the trace (empty without tracing); when something can happen next.

    `next_at` looks only at what is known now: later inputs can come sooner. None: nothing will ever happen again.
    """

    runs: Sequence[RunState]
    trace: Sequence[TraceEntry]
    next_at: datetime | None


def walk(
    plan: Plan,
    person: Person,
    *,
    journey_id: str,
    published_at: datetime,
    until: datetime,
    audiences: Iterable[AudienceFacts] = (),
    with_trace: bool = True,
) -> Walked:
    """What the journey, published at `published_at`, does to the person up to and including `until`.

    `audiences` are those that the plan's conditions refer to (and those that these refer to): they are judged in
    memory at the virtual time. Raises WalkTooLongError after 200,000 instants.
    """
    walker = Walker(
        plan, person, journey_id=journey_id, published_at=published_at, audiences=audiences, with_trace=with_trace
    )
    return walker.walk_until(until)


class Walker:
    """A walk that can be continued; however its time is cut into calls, the same happens."""

    def __init__(
        self,
        plan: Plan,
        person: Person,
        *,
        journey_id: str,
        published_at: datetime,
        audiences: Iterable[AudienceFacts] = (),
        with_trace: bool = True,
    ) -> None:
        self.plan = plan
        self.person = person
        self.journey_id = journey_id
        self.published_at = published_at
        self.runs: list[RunState] = []
        self.trace: list[TraceEntry] = []
        self.teller = Teller(plan, self.trace) if with_trace else None
        self.traits: dict[str, Any] = dict(person.traits)
        self.identifiers: dict[str, Sequence[str]] = dict(person.identifiers)
        self.memberships = person.memberships
        later = Options(historical_from=published_at)
        self.steps = {
            step_id: Watched(condition, plan.mentions[step_id], later) for step_id, condition in plan.conditions.items()
        }
        self.entry = self._entry_of(plan, published_at)
        self.audiences = _needed(audiences, [*self.steps.values(), *([self.entry] if self.entry else [])])
        self.watched = [*self.steps.values(), *(audience for _, audience in self.audiences)]
        if self.entry is not None:
            self.watched.append(self.entry)
        self.inputs = self._inputs()
        self.position = 0
        self.instants = 0
        self.awaits_reentry = False
        self.next_at: datetime | None = published_at

    def walk_until(self, until: datetime) -> Walked:
        """Go on up to and including `until`."""
        while self.next_at is not None and self.next_at <= until:
            self.instants += 1
            if self.instants > MOST_INSTANTS:
                raise WalkTooLongError(self.next_at)
            self._instant(self.next_at)
            self.next_at = self._next_instant()
        return Walked(runs=self.runs, trace=self.trace, next_at=self.next_at)

    @staticmethod
    def _entry_of(plan: Plan, published_at: datetime) -> Watched | None:
        condition = plan.definition.entry.condition
        if condition is None:
            return None
        since = None if plan.definition.entry.use_historical else published_at
        return Watched(condition, mentions(condition), Options(include_anonymous=False, historical_from=since))

    def _inputs(self) -> list[tuple[datetime, EventRecord | ProfileWrite, Sequence[Watched]]]:
        """What happens to the person and can make a difference, in order, each with the conditions that look at it."""
        found: list[tuple[datetime, EventRecord | ProfileWrite, Sequence[Watched]]] = [
            (event.received_at, event, wanting)
            for event in self.person.events
            if (wanting := [watched for watched in self.watched if watched.wants(event)])
        ]
        found += [(write.at, write, ()) for write in self.person.writes]
        found.sort(key=lambda item: item[0])
        return found

    def _instant(self, at: datetime) -> None:
        touched = self._take_in(at)
        self._judge_audiences(at, touched)
        run = self.runs[-1] if self.runs else None
        if run is not None and run.is_open:
            waiting = [step_id for step_id, position in run.positions.items() if position.is_waiting]
            judge = {step_id for step_id in waiting if step_id in self.steps and touched.concerns(self.steps[step_id])}
            self._move(run, at, judge)
        self._look_at_entry(at, touched)

    def _take_in(self, at: datetime) -> Touched:
        touched = Touched()
        while self.position < len(self.inputs) and self.inputs[self.position][0] <= at:
            _, item, wanting = self.inputs[self.position]
            self.position += 1
            if isinstance(item, ProfileWrite):
                self.traits |= item.traits
                self.identifiers |= item.identifiers
                touched.traits |= item.traits.keys()
                touched.identifiers |= item.identifiers.keys()
                continue
            touched.events |= {(item.type, item.name), (item.type, None)}
            for watched in wanting:
                watched.events.append(item)
        return touched

    def _judge_audiences(self, at: datetime, touched: Touched) -> None:
        for facts, watched in self.audiences:
            if watched.ruling is not None and not watched.is_due(at) and not touched.concerns(watched):
                continue
            is_in = self._rule(watched, at).is_member
            if is_in is self.memberships.isdisjoint(facts.names):
                self.memberships = self.memberships | facts.names if is_in else self.memberships - facts.names
                touched.audiences |= facts.names

    def _look_at_entry(self, at: datetime, touched: Touched) -> None:
        entry, run = self.entry, self.runs[-1] if self.runs else None
        if entry is None or (run is not None and (run.is_open or run.reentry_at is None)):
            return
        is_reentry = False
        if run is not None and self.awaits_reentry:
            if run.reentry_at is None or at < run.reentry_at:
                return
            self.awaits_reentry, is_reentry = False, True
        is_first = entry.ruling is None
        if not (is_first or is_reentry or entry.is_due(at) or touched.concerns(entry)):
            return
        ruling = self._rule(entry, at)
        if ruling.is_member:
            self.runs.append(begin(self.plan, now=at, journey_id=self.journey_id, segment_id=self.person.segment_id))
            self._move(self.runs[-1], at, ())
        elif self.teller is not None and (is_first or is_reentry):
            self.teller.not_entered(at, len(self.runs), ruling.recheck_at, self._evidence(ENTRY, at))

    def _move(self, run: RunState, at: datetime, judge: Collection[str]) -> None:
        effects = settle(self.plan, run, at, lambda step_id: self._rule(self.steps[step_id], at), judge)
        self.awaits_reentry = run.reentry_at is not None
        if self.teller is not None and effects:
            evidence = partial(self._evidence, at=at)
            self.teller.tell(Moment(at=at, number=len(self.runs), run=run, evidence=evidence), effects)

    def _rule(self, watched: Watched, at: datetime) -> Ruling:
        return watched.rule(self.traits, self.identifiers, self.memberships, at)

    def _evidence(self, step_id: str, at: datetime) -> Evidence | None:
        watched = self.entry if step_id == ENTRY else self.steps.get(step_id)
        return None if watched is None else watched.evidence(self.traits, self.identifiers, self.memberships, at)

    def _next_instant(self) -> datetime | None:
        run = self.runs[-1] if self.runs else None
        found: list[datetime] = []
        if run is not None and run.is_open:
            due = run.due_at()
            if due is not None:
                found.append(due)
            elif not any(position.is_waiting for position in run.positions.values()):
                return None
        elif run is not None:
            if run.reentry_at is None:
                return None
            if self.awaits_reentry:
                found.append(run.reentry_at)
        if (run is None or (not run.is_open and not self.awaits_reentry)) and self.entry is not None:
            due = self.entry.due_at
            if due is not None:
                found.append(due)
        if self.position < len(self.inputs):
            found.append(self.inputs[self.position][0])
        found += [due for _, audience in self.audiences if (due := audience.due_at) is not None]
        return min(found, default=None)


def _needed(audiences: Iterable[AudienceFacts], watched: Iterable[Watched]) -> list[tuple[AudienceFacts, Watched]]:
    """Those that are referred to, directly or by another one, each after those that it refers to itself."""
    by_name = {name: facts for facts in audiences for name in facts.names}
    found: dict[frozenset[str], tuple[AudienceFacts, Watched]] = {}
    started: set[frozenset[str]] = set()

    def add(name: str) -> None:
        facts = by_name.get(name)
        if facts is None or facts.names in started:
            return
        started.add(facts.names)
        mentioned = mentions(facts.condition)
        for other in sorted(mentioned.audiences):
            add(other)
        found[facts.names] = (facts, Watched(facts.condition, mentioned, facts.options))

    for item in watched:
        for name in sorted(item.mentions.audiences):
            add(name)
    return list(found.values())
