"""What a test came to, as its page shows it: the lit path on the canvas, the decisions, the calls."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from common.templatetags._formats import format_duration
from engine.conditions.evidence import Evidence
from engine.journeys.running import PositionState
from engine.journeys.steps.base import ENTRY
from engine.journeys.tracing import LEFT, SENT, TraceEntry
from journeys.canvas.overlays import Overlay, StepOverlay
from journeys.selectors.explaining import value_words
from journeys.services.testing import TestCall, TestResult
from journeys.steps.kinds import Names
from profiles.masking import masked, masked_identifier

ICONS = {
    "entered": "log-in",
    "not_entered": "ban",
    "joined": "check",
    "waiting": "hourglass",
    "branch": "split",
    "left": "arrow-right",
    "sent": "send",
    "removed": "user-minus",
    "completed": "flag",
    "exited": "log-out",
}
WORDS = {"gte": "at least", "gt": "more than", "lte": "at most", "lt": "fewer than", "eq": "exactly"}


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One node of a condition that was judged."""

    depth: int
    sentence: str
    holds: bool
    found: str


@dataclass(frozen=True, kw_only=True)
class ShownCall:
    """A call, with personal data masked for who may not see it."""

    call: TestCall
    payload: Any
    requests: list[Mapping[str, Any]]

    @property
    def title(self) -> str:
        event = self.payload.get("event") if isinstance(self.payload, Mapping) else ""
        return f"{self.call.call.kind.title()}{f': {event}' if event else ''}"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One entry of the list. `after` is the time since the start."""

    entry: TraceEntry
    after: str
    icon: str
    facts: list[Fact]
    calls: list[ShownCall]
    note: str = ""


def decisions(result: TestResult, *, shows_pii: bool) -> list[Decision]:
    """What was decided and done. That a step was left is not said: the next line and the cards tell where to."""
    return [
        Decision(
            entry=entry,
            after=after_words(entry.at - result.start),
            icon=ICONS.get(entry.kind, "circle-dot"),
            facts=list(facts_of(entry.evidence, shows_pii=shows_pii)) if entry.evidence else [],
            calls=[shown_call(call, shows_pii=shows_pii) for call in result.calls.get(number, ())],
            note=_unconnected(result, entry),
        )
        for number, entry in enumerate(result.trace)
        if entry.kind != LEFT
    ]


def _unconnected(result: TestResult, entry: TraceEntry) -> str:
    if entry.kind != SENT:
        return ""
    connections: Any = getattr(result.simulation.plan.steps[entry.step_id].step, "connections", ())
    return "" if connections else "No destination is connected to this step: nothing would go out."


def facts_of(evidence: Evidence, *, shows_pii: bool, depth: int = 0) -> Iterator[Fact]:
    """The judged condition as lines, groups before their parts; a group of one says what its part says."""
    if len(evidence.children) == 1 and evidence.children[0].sentence == evidence.sentence:
        yield from facts_of(evidence.children[0], shows_pii=shows_pii, depth=depth)
        return
    yield Fact(
        depth=min(depth, 5),
        sentence=evidence.sentence,
        holds=evidence.holds,
        found=_found(evidence.facts, shows_pii=shows_pii),
    )
    for child in evidence.children:
        yield from facts_of(child, shows_pii=shows_pii, depth=depth + 1)


def _found(facts: Mapping[str, Any], *, shows_pii: bool) -> str:
    if "count" in facts:
        operator, number = next(iter(facts["wanted"].items()))
        return f"{facts['count']} found, {WORDS[operator]} {number} wanted"
    if "value" in facts:
        return (
            "not set"
            if facts["isMissing"]
            else f"is {value_words(facts['value'] if shows_pii else masked(facts['value']))}"
        )
    if "isMember" in facts:
        return "is a member" if facts["isMember"] else "is not a member"
    if "values" in facts:
        values = [str(value) for value in facts["values"][:3]]
        return ", ".join(values if shows_pii else [masked_identifier("email", value) for value in values]) or "none"
    return "has no user ID, e-mail address or mobile ID" if "missing" in facts else ""


def shown_call(call: TestCall, *, shows_pii: bool) -> ShownCall:
    payload, requests = call.call.payload, list(call.call.requests)
    if shows_pii:
        return ShownCall(call=call, payload=payload, requests=requests)
    return ShownCall(
        call=call,
        payload=masked(payload),
        requests=[{**request, "body": masked_body(str(request.get("body", "")))} for request in requests],
    )


def masked_body(text: str) -> str:
    """The body of a request without personal data; one that is no JSON is not shown at all."""
    if not text:
        return text
    try:
        return json.dumps(masked(json.loads(text)), ensure_ascii=False)
    except (ValueError, RecursionError):
        return "Hidden: it takes the right to see personal data."


def test_overlay(result: TestResult, names: Names) -> Overlay:
    """The path of all passes lights up; cards say when the last one arrived and left."""
    steps: dict[str, StepOverlay] = {}
    branches: dict[tuple[str, str], StepOverlay] = {}
    for step_id, planned in result.simulation.plan.steps.items():
        found = [run.positions[step_id] for run in result.runs if step_id in run.positions]
        is_lit = any(position.joined_at for position in found)
        taken = {position.branch for position in found}
        steps[step_id] = StepOverlay(lit=is_lit or bool(found), note=_note(found, result.start))
        for branch in planned.step.branches() if planned.step else ():
            lit = branch.id in taken if not planned.side_by_side else is_lit
            branches[step_id, branch.id] = StepOverlay(lit=lit)
    for step in result.simulation.plan.definition.steps:
        steps.setdefault(step.id, StepOverlay(lit=False))
    steps.setdefault(ENTRY, StepOverlay(lit=bool(result.runs)))
    return Overlay(steps=steps, branches=branches, names=names)


test_overlay.__test__ = False  # type: ignore[attr-defined]  # not one of pytest's


def _note(found: list[PositionState], start: datetime) -> str:
    if not found:
        return ""
    last = found[-1]
    words = f"Arrived {after_words(last.arrived_at - start)}"
    if last.joined_at is None:
        words += ", gave up" if last.left_at else ", waits"
    elif last.joined_at != last.arrived_at:
        words += f", joined {after_words(last.joined_at - start)}"
    if last.left_at is not None:
        words += f", left {after_words(last.left_at - start)}"
    return words + (f" (pass {len(found)})" if len(found) > 1 else "")


def after_words(span: timedelta) -> str:
    """ "+2 h 5 min", "+0" at the start."""
    seconds = span.total_seconds()
    return f"+{format_duration(seconds)}" if seconds > 0 else "+0"


def outcome_of(result: TestResult) -> tuple[str, str]:
    """Tone and sentence of the whole."""
    if not result.runs:
        return "warning", "This person does not enter the journey. The first line below says why."
    last = result.runs[-1]
    if last.completed_at is not None:
        return "success", f"Completed {_later(last.completed_at - result.start)}."
    if last.ended_at is not None:
        return "info", f"Left by the exit settings {_later(last.ended_at - result.start)}."
    waiting = [position for position in last.positions.values() if position.left_at is None]
    steps = result.simulation.plan.steps
    names = [step.title() for one in waiting if (step := steps[one.step_id].step) is not None]
    return "info", f"Still in the journey at the end: {', '.join(names) or 'at the entry'}."


def _later(span: timedelta) -> str:
    return f"{format_duration(span.total_seconds())} after the start" if span else "at the start"
