"""Turns what happened to a run into entries of a trace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.conditions.evidence import Evidence
from engine.conditions.nodes import Condition
from engine.journeys import tracing
from engine.journeys.plan import Plan
from engine.journeys.running import (
    Arrived,
    Completed,
    Effect,
    Exited,
    Joined,
    Left,
    Removed,
    RunState,
    Sent,
    Waiting,
)
from engine.journeys.steps.base import ENTRY
from engine.journeys.tracing import TraceEntry, evidence_of


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What an effect belongs to; `evidence` of the condition of a step (or the entry) as of `at`, if it has one."""

    at: datetime
    number: int
    run: RunState
    evidence: Callable[[str], Evidence | None]


class Teller:
    """Appends to `trace`. Arrivals are not told: joining or waiting, which follows at once, is."""

    def __init__(self, plan: Plan, trace: list[TraceEntry]) -> None:
        self.plan = plan
        self.trace = trace
        self.tellers: Mapping[type[Any], Callable[[Moment, Any], TraceEntry | None]] = {
            Arrived: lambda moment, effect: None,
            Waiting: self._waiting,
            Joined: self._joined,
            Left: self._left,
            Sent: self._sent,
            Removed: self._removed,
            Completed: self._completed,
            Exited: self._exited,
        }

    def tell(self, moment: Moment, effects: Sequence[Effect]) -> None:
        """Everything that happened to a run at one moment."""
        told = (self.tellers[type(effect)](moment, effect) for effect in effects)
        self.trace += [entry for entry in told if entry is not None]

    def not_entered(self, at: datetime, number: int, until: datetime | None, evidence: Evidence | None) -> None:
        """The entry condition does not hold when the journey begins to look."""
        sentence = f"Has not entered: {self._reason(ENTRY, evidence)}."
        self.trace.append(
            TraceEntry(
                at=at, run=number, step_id=ENTRY, kind=tracing.NOT_ENTERED, sentence=sentence, evidence=evidence,
                until=until,
            )
        )  # fmt: skip

    def _waiting(self, moment: Moment, effect: Waiting) -> TraceEntry:
        evidence = moment.evidence(effect.step)
        position = moment.run.positions[effect.step]
        begins = "Waits" if position.arrived_at == moment.at else "Still waits"
        sentence = f"{begins} at “{self._title(effect.step)}”: {self._reason(effect.step, evidence)}."
        return self._entry(
            moment, effect.step, tracing.WAITING, sentence, evidence=evidence, until=effect.until
        )  # fmt: skip

    def _joined(self, moment: Moment, effect: Joined) -> TraceEntry:
        evidence = moment.evidence(effect.step)
        reason = self._reason(effect.step, evidence)
        step = self.plan.steps[effect.step].step
        if step is None:
            return self._entry(moment, effect.step, tracing.ENTERED, f"Entered: {reason}.", evidence=evidence)
        until = moment.run.positions[effect.step].wake_at
        kind = tracing.BRANCH if effect.branch else tracing.JOINED if until is None else tracing.WAITING
        sentence = step.told(moment.run, effect.branch, reason)
        return self._entry(
            moment, effect.step, kind, sentence, evidence=evidence, until=until, branch=effect.branch
        )  # fmt: skip

    def _left(self, moment: Moment, effect: Left) -> TraceEntry:
        words = "Gave up waiting at" if effect.gave_up else "Left"
        return self._entry(moment, effect.step, tracing.LEFT, f"{words} “{self._title(effect.step)}”.")

    def _sent(self, moment: Moment, effect: Sent) -> TraceEntry:
        words = "Sent to" if effect.value else "Taken off"
        sentence = f"{words} the destinations of “{self._title(effect.step)}”."
        return self._entry(moment, effect.step, tracing.SENT, sentence, value=effect.value)

    def _removed(self, moment: Moment, effect: Removed) -> TraceEntry:
        sentence = f"No longer a member under the key of “{self._title(effect.step)}”."
        return self._entry(moment, effect.step, tracing.REMOVED, sentence)

    def _completed(self, moment: Moment, effect: Completed) -> TraceEntry:
        sentence = f"Completed the journey at “{self._title(effect.step)}”."
        return self._entry(moment, effect.step, tracing.COMPLETED, sentence)

    def _exited(self, moment: Moment, effect: Exited) -> TraceEntry:
        return self._entry(moment, "", tracing.EXITED, "Left the journey: its exit time has passed.")

    def _entry(self, moment: Moment, step_id: str, kind: str, sentence: str, **more: Any) -> TraceEntry:
        return TraceEntry(at=moment.at, run=moment.number, step_id=step_id, kind=kind, sentence=sentence, **more)

    def _reason(self, step_id: str, evidence: Evidence | None) -> str:
        condition = self._condition(step_id)
        return "" if evidence is None or condition is None else evidence_of(condition.where, evidence)

    def _condition(self, step_id: str) -> Condition | None:
        if step_id == ENTRY:
            return self.plan.definition.entry.condition
        return self.plan.conditions.get(step_id)

    def _title(self, step_id: str) -> str:
        step = self.plan.steps[step_id].step
        return (self.plan.definition.entry.name.strip() or "the entry") if step is None else step.title()
