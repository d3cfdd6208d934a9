"""Testing a journey with one person on a virtual clock, before or after it is published (ux.md §8.6).

Nothing stored changes and nothing is sent, unless the request asks for the calls to be sent: then they go through the
event tester of their destinations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from common.errors import InvalidError
from destinations.services.tester import new_test_message_id, send_test_event
from engine.conditions import EventRecord
from engine.conditions.evidence import iso
from engine.journeys.person import Person, ProfileWrite
from engine.journeys.running import RunState
from engine.journeys.tracing import TraceEntry
from engine.journeys.walk import WalkTooLongError
from journeys.models import Journey
from journeys.services.histories import Arrival
from journeys.services.simulating import Period, Simulation
from journeys.services.testing_requests import GENERATED_USER, TestEvent, TestRequest
from journeys.services.would_send import Sender, Sent, WouldCall, identifiers_of
from profiles.selectors.search import search_profiles
from spaces.models import Space, User

MOST_SENT = 100


@dataclass(frozen=True, kw_only=True)
class TestCall:
    """A call of a step to one destination. `answer`: what really sending it came to, else None."""

    __test__ = False

    destination: str
    name: str
    connector: str
    call: WouldCall
    answer: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "destination": self.destination,
            "name": self.name,
            "connector": self.connector,
            **self.call.as_json(),
            "answer": self.answer,
        }


@dataclass(frozen=True, kw_only=True)
class TestResult:
    """What became of the person. `calls` belong to the entries of `trace` by their index."""

    __test__ = False

    simulation: Simulation
    person: Person
    profile: str
    runs: Sequence[RunState]
    trace: Sequence[TraceEntry]
    calls: Mapping[int, Sequence[TestCall]] = field(default_factory=dict)
    next_at: datetime | None = None

    @property
    def start(self) -> datetime:
        return self.simulation.period.from_at

    def as_json(self) -> dict[str, Any]:
        """What the API answers: `{"from", "to", "profile", "entered", "completed", "runs", "trace", "next_at"}`.

        An entry of `trace` has `offset` (seconds since the start) and `calls`; a run its steps with arrive, join and
        leave times.
        """
        return {
            "from": iso(self.start),
            "to": iso(self.simulation.period.to_at),
            "profile": self.profile or None,
            "entered": bool(self.runs),
            "completed": any(run.completed_at for run in self.runs),
            "runs": [_run_json(run) for run in self.runs],
            "trace": [
                entry.as_json()
                | {
                    "offset": (entry.at - self.start).total_seconds(),
                    "calls": [call.as_json() for call in self.calls.get(number, ())],
                }
                for number, entry in enumerate(self.trace)
            ],
            "next_at": None if self.next_at is None else iso(self.next_at),
        }


def test_person(
    *,
    space: Space,
    journey: Journey,
    definition: Mapping[str, Any],
    request: TestRequest,
    now: datetime,
    tested_by: User | None,
) -> TestResult:
    """Walk one person through the definition, which need not be complete: broken steps are passed over.

    InvalidError when there is no entry condition, no such profile, or too much happens. `tested_by` is who really
    sends, where the request asks for it.
    """
    start = request.start or now
    simulation = Simulation.of_definition(
        space=space,
        journey=journey,
        definition=definition,
        period=Period(from_at=start, to_at=start + timedelta(days=request.days)),
        arrival=Arrival.RECEIVED,
    )
    if simulation.plan.definition.entry.condition is None:
        detail = "The entry has no condition yet, so nobody can enter. Say who enters, then test again."
        raise InvalidError.at("/definition/entry/condition", detail, "condition_required")
    person, segment_id = _person(simulation, request, start)
    try:
        walked = simulation.walk(person, with_trace=True)
    except WalkTooLongError as error:
        raise InvalidError.at("/days", str(error), error.code) from error
    return TestResult(
        simulation=simulation,
        person=person,
        profile=segment_id if request.profile else "",
        runs=walked.runs,
        trace=walked.trace,
        calls=_calls(simulation, person, walked.trace, tested_by if request.is_sent else None),
        next_at=walked.next_at,
    )


test_person.__test__ = False  # type: ignore[attr-defined]  # not one of pytest's


def _person(simulation: Simulation, request: TestRequest, start: datetime) -> tuple[Person, str]:
    events = [_record(event, number, start) for number, event in enumerate(request.events) if event.type != "identify"]
    writes = [
        ProfileWrite(at=start + event.offset, traits=event.traits)
        for event in request.events
        if event.type == "identify"
    ]
    if not request.profile:
        identifiers = dict(request.identifiers) or {"user_id": (GENERATED_USER,)}
        segment_id = _segment_id(identifiers)
        person = Person(
            segment_id=segment_id, events=events, traits=request.traits, identifiers=identifiers, writes=writes
        )
        return person, segment_id
    found = search_profiles(simulation.space, text=request.profile, exact=True, size=1).matches
    stored = simulation.loader.one(found[0].profile.id) if found else None
    if stored is None:
        detail = "No profile of a person has this identifier. Give a user id, an e-mail address or a Segment ID."
        raise InvalidError.at("/profile", detail, "unknown_profile")
    person = Person(
        segment_id=stored.segment_id,
        events=[*(event for event in stored.events if event.received_at <= start), *events],
        traits=stored.traits,
        identifiers=stored.identifiers,
        writes=writes,
        memberships=frozenset(name for pk in stored.memberships for name in simulation.audiences.stored[pk]),
    )
    return person, stored.segment_id


def _record(event: TestEvent, number: int, start: datetime) -> EventRecord:
    at = start + event.offset
    return EventRecord(
        id=f"test-{number + 1}",
        type=event.type,
        name=event.name,
        timestamp=at,
        received_at=at,
        properties=event.properties,
    )


def _segment_id(identifiers: Mapping[str, Sequence[str]]) -> str:
    """A generated person keeps their branch of a random split from test to test."""
    text = repr(sorted((kind, list(values)) for kind, values in identifiers.items()))
    return "use_" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:27]


def _calls(
    simulation: Simulation, person: Person, trace: Sequence[TraceEntry], sent_by: User | None
) -> dict[int, list[TestCall]]:
    found: dict[int, list[TestCall]] = {}
    sent: dict[tuple[str, int], Sent] = {}
    left = MOST_SENT
    for number, entry in enumerate(trace):
        if entry.value is None:
            continue
        traits, identifiers = person.profile_at(entry.at)
        for place, sender in enumerate(simulation.senders.get(entry.step_id, ())):
            for call in sender.calls(
                identifiers=identifiers_of(identifiers),
                traits=traits,
                value=entry.value,
                sent=sent.setdefault((entry.step_id, place), {}),
                now=entry.at,
            ):
                answer = None
                if sent_by is not None and left and not sender.is_list and call.payload is not None:
                    answer = _really_send(sender, call.payload, sent_by)
                    left -= 1
                found.setdefault(number, []).append(_test_call(sender, call, answer))
    return found


def _really_send(sender: Sender, payload: Mapping[str, Any], sent_by: User) -> dict[str, Any]:
    event = {**payload, "messageId": new_test_message_id()}
    test = send_test_event(destination=sender.connection.destination, sent_by=sent_by, event=event)
    result: dict[str, Any] = test.result
    return {key: result[key] for key in ("outcome", "code", "detail", "status_line")} | {"id": test.public_id}


def _test_call(sender: Sender, call: WouldCall, answer: Mapping[str, Any] | None) -> TestCall:
    destination = sender.connection.destination
    return TestCall(
        destination=destination.public_id,
        name=destination.name,
        connector=sender.definition.name,
        call=call,
        answer=answer,
    )


def _run_json(run: RunState) -> dict[str, Any]:
    return {
        "entered_at": iso(run.entered_at),
        "completed_at": _iso(run.completed_at),
        "ended_at": _iso(run.ended_at),
        "end_reason": run.end_reason,
        "reentry_at": _iso(run.reentry_at),
        "steps": [
            {
                "step": one.step_id,
                "arrived_at": iso(one.arrived_at),
                "joined_at": _iso(one.joined_at),
                "left_at": _iso(one.left_at),
                "branch": one.branch,
                "removed_at": _iso(one.removed_at),
            }
            for one in run.positions.values()
        ],
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)
