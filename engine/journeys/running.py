"""One run through a plan: what happens to it now (journeys.md §3, design.md §5).

The same code moves people in production, in a test and in a dry run; it keeps no clock and asks nobody. The data here
is changed in place and made of slots, since blocks of thousands of runs go through it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from engine.conditions.evidence import Evidence
from engine.journeys.plan import MAIN, Plan, PlanStep
from engine.journeys.steps.base import ENTRY, JOINS, Next, VerdictLike

EXITED = "exited"


class Judged(NamedTuple):
    """A verdict on the condition of a step; `recheck_at`: it may change then by time alone."""

    is_member: bool
    recheck_at: datetime | None = None
    evidence: Evidence | None = None


@dataclass(slots=True)
class PositionState:
    """A run at a step, as `journeys.models.Position` stores it. Due times are None again once they are done."""

    step_id: str
    arrived_at: datetime
    joined_at: datetime | None = None
    left_at: datetime | None = None
    branch: str = ""
    wake_at: datetime | None = None
    remove_at: datetime | None = None
    removed_at: datetime | None = None

    @property
    def is_here(self) -> bool:
        """Counts among the people at the step."""
        return self.joined_at is not None and self.left_at is None

    @property
    def is_waiting(self) -> bool:
        """Waits for the step's condition."""
        return self.joined_at is None and self.left_at is None


@dataclass(slots=True)
class RunState:
    """One pass of a person. `positions` by step id holds all of the run, also those that were left.

    `origin` is the step it starts at: the entry, unless the run was moved here from another version.
    """

    journey_id: str
    segment_id: str
    entered_at: datetime
    exit_at: datetime | None = None
    completed_at: datetime | None = None
    ended_at: datetime | None = None
    end_reason: str = ""
    reentry_at: datetime | None = None
    origin: str = ENTRY
    positions: dict[str, PositionState] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        return self.ended_at is None

    def due_at(self) -> datetime | None:
        """The next instant at which time alone moves this run; None if none will."""
        if self.ended_at is not None:
            return None
        found = self.exit_at
        for position in self.positions.values():
            for due in (position.wake_at, position.remove_at):
                if due is not None and (found is None or due < found):
                    found = due
        return found


@dataclass(slots=True)
class Arrived:
    """Reached the step: a position came to be."""

    step: str


@dataclass(slots=True)
class Waiting:
    """Its condition does not hold; time alone may change that at `until`."""

    step: str
    until: datetime | None


@dataclass(slots=True)
class Joined:
    """Is at the step. `branch`: which one a split decided on."""

    step: str
    branch: str = ""


@dataclass(slots=True)
class Left:
    """Went on; or the run ended while at the step, or (`gave_up`) while waiting for it."""

    step: str
    gave_up: bool = False


@dataclass(slots=True)
class Sent:
    """The value goes to every destination of the step."""

    step: str
    value: bool


@dataclass(slots=True)
class Removed:
    """Taken off the step's destinations; always after a `Sent` of False."""

    step: str


@dataclass(slots=True)
class Completed:
    """Reached a final step, for the first time in this run."""

    step: str


@dataclass(slots=True)
class Exited:
    """The exit time has passed; the run is over."""


Effect = Arrived | Waiting | Joined | Left | Sent | Removed | Completed | Exited


@dataclass(slots=True)
class Advanced:
    """What happened, in order, and which steps' verdicts are needed before more can happen now."""

    effects: list[Effect]
    needs: frozenset[str]


NO_VERDICTS: Mapping[str, VerdictLike] = {}
NO_NEEDS: frozenset[str] = frozenset()


def begin(plan: Plan, *, now: datetime, journey_id: str, segment_id: str, origin: str = ENTRY) -> RunState:
    """A new run of a person who enters now; the first `advance` puts it at the entry, and at `origin` beyond it."""
    exit_at = None if plan.exit_after is None else now + plan.exit_after
    return RunState(journey_id, segment_id, now, exit_at, origin=origin)


def advance(
    plan: Plan,
    run: RunState,
    now: datetime,
    verdicts: Mapping[str, VerdictLike] = NO_VERDICTS,
    judge: Collection[str] = (),
) -> Advanced:
    """Everything that can happen to `run` at `now`; changes it, and says what happened.

    Judged again are waiting conditions that are due, in `judge`, or in `verdicts`. Steps in `needs` wait for a verdict
    as of now: call again with it (the effects of all calls count) until nothing is needed. All judging is about now,
    nothing is dated back. When the exit is due, nothing else happens.
    """
    if run.ended_at is not None:
        return Advanced([], NO_NEEDS)
    if run.exit_at is not None and run.exit_at <= now:
        return Advanced(_exit(plan, run, now), NO_NEEDS)
    move = _Move(plan, run, now, verdicts)
    if run.positions:
        move.look(judge)
    else:
        move.enter()
    return Advanced(move.effects, frozenset(move.needs) if move.needs else NO_NEEDS)


def settle(
    plan: Plan, run: RunState, now: datetime, verdict_of: Callable[[str], VerdictLike], judge: Collection[str] = ()
) -> list[Effect]:
    """`advance` until nothing is needed, with a function that gives verdicts."""
    advanced = advance(plan, run, now, NO_VERDICTS, judge)
    effects = advanced.effects
    while advanced.needs:
        advanced = advance(plan, run, now, {step_id: verdict_of(step_id) for step_id in advanced.needs})
        effects += advanced.effects
    return effects


def end(run: RunState, now: datetime, reason: str) -> list[Effect]:
    """End a run for a reason other than its exit (archived, replaced): nothing more is sent, nobody is removed."""
    effects: list[Effect] = []
    if run.ended_at is None:
        _leave_all(run, now, effects)
        run.ended_at, run.end_reason = now, reason
    return effects


def _exit(plan: Plan, run: RunState, now: datetime) -> list[Effect]:
    effects: list[Effect] = []
    for position in run.positions.values():
        planned = plan.steps.get(position.step_id)
        if planned is not None and planned.has_key and position.joined_at is not None and position.removed_at is None:
            position.removed_at = now
            effects += (Sent(position.step_id, False), Removed(position.step_id))
    _leave_all(run, now, effects)
    run.ended_at, run.end_reason = now, EXITED
    if plan.reentry_after is not None:
        run.reentry_at = now + plan.reentry_after
    effects.append(Exited())
    return effects


def _leave_all(run: RunState, now: datetime, effects: list[Effect]) -> None:
    for position in run.positions.values():
        position.wake_at = position.remove_at = None
        if position.left_at is None:
            position.left_at = now
            effects.append(Left(position.step_id, position.joined_at is None))


class _Move:
    """What happens to one run in one call. `joined` are positions whose followers are still to be looked at."""

    __slots__ = ("effects", "joined", "needs", "now", "plan", "positions", "run", "verdicts")

    def __init__(self, plan: Plan, run: RunState, now: datetime, verdicts: Mapping[str, VerdictLike]) -> None:
        self.plan = plan
        self.run = run
        self.now = now
        self.verdicts = verdicts
        self.positions = run.positions
        self.effects: list[Effect] = []
        self.needs: set[str] = set()
        self.joined: deque[PositionState] = deque()

    def enter(self) -> None:
        """Put a new run at the entry, and on from there."""
        entry = PositionState(ENTRY, self.now)
        self.positions[ENTRY] = entry
        self.effects.append(Arrived(ENTRY))
        if self.run.origin == ENTRY:
            self._join(self.plan.steps[ENTRY], entry, JOINS)
        else:
            entry.joined_at = entry.left_at = self.now
            self.effects += (Joined(ENTRY), Left(ENTRY))
            self._arrive(self.run.origin)
        self._follow_all()

    def look(self, judge: Collection[str]) -> None:
        """Do what is due at the run's positions, and judge waiting conditions again."""
        now, verdicts = self.now, self.verdicts
        found: list[PositionState] = []
        for step_id, position in self.positions.items():
            if position.remove_at is not None and position.remove_at <= now:
                position.remove_at, position.removed_at = None, now
                self.effects += (Sent(step_id, False), Removed(step_id))
            if position.left_at is not None:
                continue
            if position.joined_at is None:
                if step_id in verdicts or step_id in judge:
                    found.append(position)
                    continue
            elif position.wake_at is None:
                continue
            if position.wake_at is not None and position.wake_at <= now:
                found.append(position)
        steps = self.plan.steps
        if len(found) > 1:
            found.sort(key=lambda position: steps[position.step_id].rank)
        for position in found:
            planned = steps[position.step_id]
            if position.joined_at is None:
                self._decide(planned, position)
            else:
                self._leave(position)
                self._follow(planned, position)
            if self.joined:
                self._follow_all()

    def _arrive(self, step_id: str) -> None:
        position = PositionState(step_id, self.now)
        self.positions[step_id] = position
        self.effects.append(Arrived(step_id))
        self._decide(self.plan.steps[step_id], position)

    def _decide(self, planned: PlanStep, position: PositionState) -> None:
        if planned.step is None:
            return
        verdict: VerdictLike | None = None
        if planned.is_judged:
            verdict = self.verdicts.get(planned.id)
            if verdict is None:
                if planned.id in self.plan.conditions:
                    self.needs.add(planned.id)
                return
        decided = planned.step.arrive(self.run, self.now, verdict)
        if decided.joined:
            self._join(planned, position, decided)
        elif position.wake_at != decided.wake_at or position.arrived_at == self.now:
            position.wake_at = decided.wake_at
            self.effects.append(Waiting(planned.id, decided.wake_at))

    def _join(self, planned: PlanStep, position: PositionState, decided: Next) -> None:
        step_id = planned.id
        position.joined_at = self.now
        position.branch = decided.branch
        position.wake_at = decided.wake_at
        position.remove_at = decided.remove_at
        self.effects.append(Joined(step_id, decided.branch))
        if decided.sends:
            self.effects.append(Sent(step_id, True))
        for parent_id, branch in planned.ways_in:
            parent = self.positions.get(parent_id)
            # A parent with a wake-up is a delay, which is left when its time has passed and no sooner.
            if (
                parent is not None
                and parent.left_at is None
                and parent.joined_at is not None
                and parent.wake_at is None
                and parent.branch in (MAIN, branch)
            ):
                self._leave(parent)
        if not decided.holds:
            self.joined.append(position)

    def _leave(self, position: PositionState) -> None:
        position.left_at = self.now
        position.wake_at = None
        self.effects.append(Left(position.step_id))

    def _follow_all(self) -> None:
        joined, steps = self.joined, self.plan.steps
        while joined:
            position = joined.popleft()
            self._follow(steps[position.step_id], position)

    def _follow(self, planned: PlanStep, position: PositionState) -> None:
        children = planned.following if planned.side_by_side else planned.children.get(position.branch)
        if not children:
            if self.run.completed_at is None:
                self.run.completed_at = self.now
                self.effects.append(Completed(planned.id))
            return
        for child_id in children:
            child = self.positions.get(child_id)
            if child is None:
                self._arrive(child_id)
            elif child.joined_at is not None and position.left_at is None:
                self._leave(position)
