"""What happened to one run, in order: entered, each decision with its reason, waits, sends, the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from delivery.models import Connection
from delivery.selectors.calls import CallFilter, CallRow, call_page
from engine.conditions import Options
from journeys.models import ENTRY, EndReason, JourneyVersion, Position, Run
from journeys.selectors.explaining import Decision, Explanation, explain
from journeys.selectors.steps import StepFacts, rows_by_id, steps_of
from journeys.steps.durations import duration_words
from profiles.models import Profile

MOST_CALLS = 100
UNITS = ("minutes", "hours", "days", "weeks")
END_TEXTS = {
    EndReason.EXITED: "Left the journey: the exit time had passed",
    EndReason.REPLACED: "Left: a newer version took this one's place",
    EndReason.ARCHIVED: "Stopped: the version was archived. Nothing more is sent",
    EndReason.MOVED: "Moved to another version",
    EndReason.MERGED: "Goes on with the profile into which this one was merged",
    EndReason.DELETED: "Stopped: the journey was deleted",
}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line. `until` = what is waited for lies ahead; `is_open`: still going on."""

    at: datetime
    kind: str
    title: str
    text: str = ""
    facts: StepFacts | None = None
    until: datetime | None = None
    is_open: bool = False
    explanation: Explanation | None = None
    calls: tuple[CallRow, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Subject:
    """What the lines of one run are made of."""

    run: Run
    version: JourneyVersion
    profile: Profile | None
    steps: Mapping[str, StepFacts]
    calls: Mapping[str, list[CallRow]]
    shows_pii: bool

    def explanation(self, definition: Any, at: datetime, held: bool, options: Options) -> Explanation | None:
        if self.profile is None or not isinstance(definition, Mapping):
            return None
        decision = Decision(definition=definition, at=at, held=held, options=options)
        return explain(
            space=self.version.journey.space, profile=self.profile, decision=decision, shows_pii=self.shows_pii
        )

    @property
    def later(self) -> Options:
        """How conditions of later steps are judged: events received since the version was published."""
        return Options(historical_from=self.version.published_at)


def timeline(*, run: Run, version: JourneyVersion, profile: Profile | None, shows_pii: bool) -> list[Entry]:
    """The lines of a run, first one first."""
    journey = version.journey
    rows = rows_by_id(journey)
    steps = {facts.step_id: facts for facts in steps_of(version)}
    order = {step_id: number for number, step_id in enumerate(steps)}
    subject = _Subject(
        run=run,
        version=version,
        profile=profile,
        steps=steps,
        calls=_calls(run, [facts for facts in steps.values() if facts.sends]),
        shows_pii=shows_pii,
    )
    positions = Position.objects.filter(space_id=run.space_id, profile_id=run.profile_id, run_id=run.id)
    found: list[tuple[datetime, int, int, Entry]] = []
    for position in positions:
        row = rows.get(position.step_id)
        facts = steps.get(row.step_id) if row else None
        if facts is None:
            continue
        for number, entry in enumerate(LINES[facts.type](subject, facts, position)):
            found.append((entry.at, order[facts.step_id], number, entry))
    found += [(entry.at, len(order), number, entry) for number, entry in enumerate(_ends(subject))]
    return [entry for *_key, entry in sorted(found, key=lambda item: item[:3])]


def _entered(subject: _Subject, facts: StepFacts, position: Position) -> Iterator[Entry]:
    audience = subject.version.entry_audience
    options = Options(include_anonymous=False, historical_from=audience.historical_from if audience else None)
    at = position.joined_at or position.arrived_at
    yield Entry(
        at=at,
        kind="entered",
        title="Entered the journey",
        text=facts.title,
        facts=facts,
        explanation=subject.explanation(facts.data.get("condition"), at, True, options),
    )


def _condition(subject: _Subject, facts: StepFacts, position: Position) -> Iterator[Entry]:
    condition = facts.data.get("condition")
    if position.joined_at is None:
        is_open = position.left_at is None
        yield Entry(
            at=position.arrived_at,
            kind="waiting",
            title=f"Waits for “{facts.title}”" if is_open else f"Waited for “{facts.title}”",
            text="" if is_open else "The run ended before the condition held.",
            facts=facts,
            until=position.wake_at if is_open else None,
            is_open=is_open,
            explanation=subject.explanation(condition, position.arrived_at, False, subject.later),
        )
        return
    if position.joined_at > position.arrived_at:
        yield Entry(at=position.arrived_at, kind="waited", title=f"Waited for “{facts.title}”", facts=facts)
    yield Entry(
        at=position.joined_at,
        kind="decision",
        title=f"“{facts.title}” holds",
        facts=facts,
        explanation=subject.explanation(condition, position.joined_at, True, subject.later),
    )


def _delay(_subject: _Subject, facts: StepFacts, position: Position) -> Iterator[Entry]:
    start = position.joined_at or position.arrived_at
    is_open = position.left_at is None
    until = position.wake_at or start + length_of(facts.data.get("duration") or {})
    yield Entry(
        at=start,
        kind="waiting" if is_open else "waited",
        title=facts.title if is_open else f"Waited {duration_words(facts.data.get('duration'))}",
        facts=facts,
        until=until if is_open else None,
        is_open=is_open,
    )


def _true_false(subject: _Subject, facts: StepFacts, position: Position) -> Iterator[Entry]:
    at = position.joined_at or position.arrived_at
    names = dict(facts.branches)
    yield Entry(
        at=at,
        kind="decision",
        title=f"“{facts.title}”: {names.get(position.branch, position.branch or 'not decided')}",
        facts=facts,
        explanation=subject.explanation(facts.data.get("condition"), at, position.branch == "true", subject.later),
    )


def _random(_subject: _Subject, facts: StepFacts, position: Position) -> Iterator[Entry]:
    shares = {one["id"]: one.get("percent") for one in facts.data.get("branches") or []}
    names = dict(facts.branches)
    yield Entry(
        at=position.joined_at or position.arrived_at,
        kind="decision",
        title=f"“{facts.title}”: {names.get(position.branch, position.branch)}",
        text=f"Drawn by weight ({shares.get(position.branch)} %). The person gets the same branch on every entry.",
        facts=facts,
    )


def _multi_branch(_subject: _Subject, facts: StepFacts, position: Position) -> Iterator[Entry]:
    yield Entry(
        at=position.joined_at or position.arrived_at,
        kind="decision",
        title=f"“{facts.title}”: every branch is open",
        text="Each branch begins with a condition; several may be taken, also later.",
        facts=facts,
    )


def _send(subject: _Subject, facts: StepFacts, position: Position) -> Iterator[Entry]:
    start = position.joined_at or position.arrived_at
    calls = subject.calls.get(facts.step_id, [])
    end = position.removed_at or (subject.run.ended_at if subject.run.end_reason == EndReason.EXITED else None)
    sent = tuple(call for call in calls if call.created_at >= start and (end is None or call.created_at < end))
    waits = position.remove_at is not None and position.removed_at is None and subject.run.ended_at is None
    yield Entry(
        at=start,
        kind="send",
        title=f"Sent to the destinations of “{facts.title}”",
        text="" if sent else "No call was queued: nothing was connected, or the calls are past their retention.",
        facts=facts,
        until=position.remove_at if waits else None,
        calls=sent,
    )
    taken_back = tuple(call for call in calls if end is not None and call.created_at >= end)
    if position.removed_at is not None:
        yield Entry(
            at=position.removed_at,
            kind="removed",
            title=f"Taken off the destinations of “{facts.title}”",
            facts=facts,
            calls=taken_back,
        )
    elif taken_back and end is not None:
        yield Entry(
            at=end,
            kind="removed",
            title=f"Exit sent to the destinations of “{facts.title}”",
            facts=facts,
            calls=taken_back,
        )


LINES: Mapping[str, Callable[[_Subject, StepFacts, Position], Iterator[Entry]]] = {
    ENTRY: _entered,
    "condition": _condition,
    "delay": _delay,
    "true_false": _true_false,
    "random": _random,
    "multi_branch": _multi_branch,
    "show_ad": _send,
    "send_to_destinations": _send,
}


def _ends(subject: _Subject) -> Iterator[Entry]:
    run = subject.run
    if run.completed_at is not None:
        yield Entry(at=run.completed_at, kind="completed", title="Completed: reached a final step")
    if run.ended_at is not None:
        yield Entry(
            at=run.ended_at,
            kind="exited",
            title=END_TEXTS[EndReason(run.end_reason)] + ".",
            text="May enter again once the re-entry time has passed." if run.reentry_at else "",
            until=run.reentry_at,
        )


def _calls(run: Run, senders: list[StepFacts]) -> dict[str, list[CallRow]]:
    """The calls that each sending step made for the profile during this run, first one first."""
    following = (
        Run.objects.filter(
            space_id=run.space_id, profile_id=run.profile_id, journey_id=run.journey_id, entered_at__gt=run.entered_at
        )
        .order_by("entered_at")
        .values_list("entered_at", flat=True)
        .first()
    )
    computations = {facts.row.public_id: facts.step_id for facts in senders if facts.row is not None}
    connections = Connection.objects.filter(space_id=run.space_id, computation_id__in=computations).select_related(
        "destination", "space"
    )
    found: dict[str, list[CallRow]] = {}
    for connection in connections:
        wanted = CallFilter(connection=connection, profile_id=run.profile_id)
        page = call_page(connection.space, wanted, size=MOST_CALLS)
        found.setdefault(computations[connection.computation_id], []).extend(
            call
            for call in reversed(page.rows)
            if call.created_at >= run.entered_at and (following is None or call.created_at < following)
        )
    return found


def length_of(duration: Mapping[str, int]) -> timedelta:
    return timedelta(**{unit: number for unit, number in duration.items() if unit in UNITS})
