"""A journey over people on a virtual clock: what tests and dry runs share. Reads much, writes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from audiences.compiler.builder import wants_events
from common.errors import FieldError
from engine.conditions import Condition, mentions, properties_mentioned
from engine.conditions.evidence import iso
from engine.journeys import plan as plans
from engine.journeys.errors import ERROR
from engine.journeys.person import Person, ProfileWrite
from engine.journeys.places import steps_of
from engine.journeys.plan import Plan
from engine.journeys.running import RunState
from engine.journeys.walk import Walked, walk
from journeys.models import Journey, JourneyStep, JourneyVersion
from journeys.services import histories
from journeys.services.definitions import read
from journeys.services.dry_run_tally import SAMPLE_PAYLOADS, SAMPLE_PEOPLE, SendTally, StepTally, Tally
from journeys.services.histories import Arrival, Loader, StoredPerson, Traits, Wanted
from journeys.services.keys import SENDING, step_rows
from journeys.services.problems import problems_of
from journeys.services.step_connections import destinations_of, unsaved_connection
from journeys.services.worlds import ReferencedAudiences, referenced_audiences
from journeys.services.would_send import Sender, Sent, identifiers_of
from spaces.models import Space


@dataclass(frozen=True, kw_only=True)
class Period:
    """The journey counts as published at `from_at`; what happens until and at `to_at` is simulated."""

    from_at: datetime
    to_at: datetime


@dataclass(frozen=True, order=True)
class Sending:
    """A value that a step sends to its destinations."""

    at: datetime
    step: str
    value: bool


def stopping_problems(version: JourneyVersion) -> list[FieldError]:
    """What keeps a version from being simulated: all that stops publishing but names and destinations."""
    return [
        FieldError(path=problem.path, code=problem.code, detail=problem.detail)
        for problem in problems_of(version)
        if problem.severity == ERROR
        and not problem.path.endswith(("/name", "/connections"))
        and "/connections/" not in problem.path
    ]


def sendings_of(plan: Plan, runs: Iterable[RunState]) -> list[Sending]:
    """Everything that is sent, in order: True when a step that sends is joined, False when people are taken off."""
    found = []
    for run in runs:
        for step_id in plan.sending:
            position = run.positions.get(step_id)
            if position is None or position.joined_at is None:
                continue
            found.append(Sending(position.joined_at, step_id, True))
            if position.removed_at is not None:
                found.append(Sending(position.removed_at, step_id, False))
    return sorted(found, key=lambda one: one.at)


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """A definition with everything that it looks at, ready for any number of people."""

    space: Space
    journey_id: str
    plan: Plan
    period: Period
    loader: Loader
    audiences: ReferencedAudiences
    traits: Traits
    senders: Mapping[str, Sequence[Sender]] = field(default_factory=dict)

    @classmethod
    def of_definition(
        cls,
        *,
        space: Space,
        journey: Journey,
        definition: Mapping[str, Any],
        period: Period,
        traits: Traits = Traits.AS_TODAY,
        arrival: Arrival = Arrival.HAPPENED,
    ) -> Simulation:
        plan = plans.compile(read(definition))
        entry = plan.definition.entry.condition
        own = [*([entry] if entry else []), *plan.conditions.values()]
        audiences = referenced_audiences(
            space=space, names=[name for condition in own for name in mentions(condition).audiences]
        )
        looked_at = [*own, *(facts.condition for facts in audiences.facts)]
        return cls(
            space=space,
            journey_id=journey.public_id,
            plan=plan,
            period=period,
            loader=Loader(
                space=space,
                wanted=_wanted(entry, looked_at),
                until=period.to_at,
                arrival=arrival,
                audience_ids=list(audiences.stored),
            ),
            audiences=audiences,
            traits=traits,
            senders=senders_of(space, definition, step_rows(journey), plan.sending),
        )

    def count(self) -> int:
        """How many people a dry run looks at."""
        return self.loader.count()

    def new_tally(self) -> Tally:
        return Tally.for_steps(self.plan.order)

    def add_block(self, tally: Tally, *, after: int) -> int | None:
        """Simulate the next people by profile id and count them. Returns the last one's id; None at the end."""
        people = self.loader.block(after=after, limit=histories.BLOCK_PROFILES)
        for stored in people:
            self._add(tally, stored)
        return people[-1].profile_id if people else None

    def person(self, stored: StoredPerson) -> Person:
        """As the walk takes them: traits from the beginning, or from when they were written."""
        traits, writes = dict(stored.traits), []
        if self.traits is Traits.AS_WRITTEN:
            later = {
                key: at
                for key, at in stored.written.items()
                if key in traits and self.period.from_at < at <= self.period.to_at
            }
            for key, at in sorted(later.items(), key=lambda item: item[1]):
                writes.append(ProfileWrite(at=at, traits={key: traits.pop(key)}))
            for key, at in stored.written.items():
                if at > self.period.to_at:
                    traits.pop(key, None)
        return Person(
            segment_id=stored.segment_id,
            events=stored.events,
            traits=traits,
            identifiers=stored.identifiers,
            writes=writes,
            memberships=frozenset(name for pk in stored.memberships for name in self.audiences.stored[pk]),
        )

    def walk(self, person: Person, *, with_trace: bool) -> Walked:
        return walk(
            self.plan,
            person,
            journey_id=self.journey_id,
            published_at=self.period.from_at,
            until=self.period.to_at,
            audiences=self.audiences.facts,
            with_trace=with_trace,
        )

    def _add(self, tally: Tally, stored: StoredPerson) -> None:
        tally.people += 1
        person = self.person(stored)
        walked = self.walk(person, with_trace=False)
        if not walked.runs:
            return
        tally.entered += 1
        for run in walked.runs:
            _count_run(tally, run)
        if len(tally.samples) < SAMPLE_PEOPLE:
            tally.samples.append(self._sample(stored, person))
        self._count_sends(tally, person, walked)

    def _sample(self, stored: StoredPerson, person: Person) -> dict[str, Any]:
        """A person's path, with what was decided and why."""
        walked = self.walk(person, with_trace=True)
        return {"profile": stored.segment_id, "trace": [entry.as_json() for entry in walked.trace]}

    def _count_sends(self, tally: Tally, person: Person, walked: Walked) -> None:
        sent: dict[tuple[str, int], Sent] = {}
        reached: set[str] = set()
        for sending in sendings_of(self.plan, walked.runs):
            step = tally.steps[sending.step]
            step.sent += sending.value
            step.removed += not sending.value
            traits, identifiers = person.profile_at(sending.at)
            for number, sender in enumerate(self.senders.get(sending.step, ())):
                key = f"{sending.step}:{sender.connection.destination.public_id}"
                counted = tally.sends.get(key) or _new_send(tally, key, sending.step, sender)
                calls = sender.calls(
                    identifiers=identifiers_of(identifiers),
                    traits=traits,
                    value=sending.value,
                    sent=sent.setdefault((sending.step, number), {}),
                    now=sending.at,
                    with_requests=len(counted.samples) < SAMPLE_PAYLOADS,
                )
                counted.people += bool(calls) and sending.value and key not in reached
                reached.add(key)
                for call in calls:
                    counted.calls += 1
                    setattr(counted, call.outcome, getattr(counted, call.outcome) + 1)
                    if call.code:
                        counted.reasons[call.code, call.detail] += 1
                    if len(counted.samples) < SAMPLE_PAYLOADS and call.payload is not None:
                        counted.samples.append({"at": iso(sending.at), **call.as_json()})


def senders_of(
    space: Space, definition: Mapping[str, Any], rows: Mapping[str, JourneyStep], step_ids: Collection[str]
) -> dict[str, list[Sender]]:
    """The connections of each step that sends, as its JSON has them; destinations that are gone are left out."""
    steps = [step for step in steps_of(definition) if step["type"] in SENDING and step["id"] in step_ids]
    known = destinations_of(space, steps)
    found: dict[str, list[Sender]] = {}
    for step in steps:
        row = rows.get(step["id"]) or JourneyStep(space=space, step_id=step["id"], name=step.get("name") or "")
        connections = [
            unsaved_connection(space=space, row=row, destination=known[spec["destination"]], spec=spec)
            for spec in step.get("connections", ())
            if spec.get("destination") in known
        ]
        found[step["id"]] = Sender.of_step(space, connections)
    return found


def _wanted(entry: Condition | None, looked_at: Sequence[Condition]) -> Wanted:
    events = frozenset(event for condition in looked_at for event in mentions(condition).events)
    entering = mentions(entry).events if entry is not None and wants_events(entry.where) else None
    return Wanted(
        events=events,
        with_properties=any(properties_mentioned(condition) for condition in looked_at),
        entering=entering,
    )


def _count_run(tally: Tally, run: RunState) -> None:
    tally.runs += 1
    if run.completed_at is not None:
        tally.completed += 1
    elif run.ended_at is not None:
        tally.exited += 1
    else:
        tally.in_progress += 1
    for position in run.positions.values():
        step = tally.steps.setdefault(position.step_id, StepTally())
        step.arrived += 1
        if position.left_at is not None and (position.joined_at is not None):
            step.left += 1
            step.add_span(position.arrived_at, position.left_at)
        if position.joined_at is None:
            step.waiting += position.left_at is None
            continue
        step.entered += 1
        if position.branch:
            step.branches[position.branch] += 1
        if position.left_at is None:
            step.here += 1
            # Somebody in a delay waits for its end.
            step.waiting += position.wake_at is not None


def _new_send(tally: Tally, key: str, step_id: str, sender: Sender) -> SendTally:
    destination = sender.connection.destination
    tally.sends[key] = SendTally(
        step=step_id,
        destination=destination.public_id,
        name=destination.name,
        connector=sender.definition.name,
    )
    return tally.sends[key]
