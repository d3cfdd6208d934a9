"""What is wrong with the way the steps of a journey hang together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.journeys.definition import JourneyDefinition
from engine.journeys.overlapping import overlaps
from engine.journeys.steps.base import ENTRY, After, Step
from engine.journeys.steps.checks import Checks
from engine.journeys.steps.condition import ConditionStep
from engine.journeys.steps.delay import DelayStep


def check_structure(definition: JourneyDefinition, checks: Mapping[str, Checks]) -> None:
    """Every step hangs on one place that exists, alone there; ways lead forward; branches begin as they must."""
    Structure(definition, checks).check()


class Structure:
    """`checks` collects for each step by its id. The first of several steps of one id is meant."""

    def __init__(self, definition: JourneyDefinition, checks: Mapping[str, Checks]) -> None:
        self.steps = {step.id: step for step in reversed(definition.steps)}
        self.in_order = list(definition.steps)
        self.checks = checks
        self.followers: dict[str, list[Step]] = {}
        self.first_at: dict[After, Step] = {}
        for step in self.in_order:
            if step.after is not None:
                self.followers.setdefault(step.after.step, []).append(step)
                self.first_at.setdefault(step.after, step)
        self.places = {step.id: place for place, step in enumerate(self.in_order)}
        self.looping = self._after_loops()

    def check(self) -> None:
        for step in self.in_order:
            if self._hangs(step):
                self._is_alone(step)
            if step.target() is not None:
                self._connects(step)
            if step.splits:
                self._branches(step)
            self._ends(step)

    def _hangs(self, step: Step) -> bool:
        checks, after = self.checks[step.id], step.after
        if after is None:
            detail = "This step hangs on no other step. Move it to where it belongs, or delete it."
            checks.error("/after", "orphan", detail)
            return False
        parent = self.steps.get(after.step)
        if after.step != ENTRY and parent is None:
            detail = f"The step {after.step} before this one does not exist. Move this step elsewhere, or delete it."
            checks.error("/after", "orphan", detail)
        elif parent is not None and parent.target() is not None:
            detail = "Nothing can follow a connection to another step. Put this step before it, or remove that one."
            checks.error("/after", "after_connect", detail)
        elif step.id in self.looping:
            names = " → ".join(self._title(one) for one in self.looping[step.id])
            if self.looping[step.id][0] == step.id:
                detail = (
                    f"These steps follow each other in a circle: {names}. Hang one of them on a step outside of it."
                )
                checks.error("/after", "cycle", detail)
        else:
            return self._is_on_a_branch(step, parent)
        return False

    def _is_on_a_branch(self, step: Step, parent: Step | None) -> bool:
        checks, after = self.checks[step.id], step.after
        branch = None if after is None else after.branch
        known = [] if parent is None or not parent.splits else [one.id for one in parent.branches()]
        if parent is not None and parent.splits and branch is None:
            detail = f"“{parent.title()}” splits. Say which of its branches this step follows: {', '.join(known)}."
            checks.error("/after", "branch_required", detail)
        elif branch is not None and (parent is None or not parent.splits):
            detail = "The step before does not split. Follow the step itself, not a branch of it."
            checks.error("/after/branch", "no_branches", detail)
        elif branch is not None and branch not in known:
            detail = f"There is no branch {branch}. Follow one of: {', '.join(known) or 'none yet'}."
            checks.error("/after/branch", "unknown_branch", detail)
        else:
            return True
        return False

    def _is_alone(self, step: Step) -> None:
        first = step if step.after is None else self.first_at[step.after]
        if first is not step:
            detail = (
                f"“{self._title(first.id)}” follows at the same place. "
                "Only a split leads several ways: add one, or put the steps one after the other."
            )
            self.checks[step.id].error("/after", "two_followers", detail)

    def _connects(self, step: Step) -> None:
        checks, target = self.checks[step.id], step.target() or ""
        if not target:
            return
        found = self.steps.get(target)
        if target == ENTRY or target in self._ancestors(step):
            detail = "A branch cannot go back to a step before it. Choose a step of another branch."
            checks.error("/to", "connect_backwards", detail)
        elif target == step.id:
            checks.error("/to", "connect_loop", "A step cannot go on to itself. Choose a step of another branch.")
        elif found is None:
            detail = f"The step {target} does not exist, or was deleted. Choose another step."
            checks.error("/to", "unknown_target", detail)
        elif found.target() is not None:
            detail = "The chosen step is a connection itself. Choose the step where that one leads."
            checks.error("/to", "target_is_connect", detail)
        elif self._reaches(target, step.id):
            names = self._title(target)
            detail = f"“{names}” leads back here by another connection, in a circle. Remove one of the connections."
            checks.error("/to", "connect_loop", detail)

    def _branches(self, split: Step) -> None:
        if split.id not in self.followers and not split.side_by_side:
            detail = "No step follows any branch of this split. Add steps, or remove the split."
            self.checks[split.id].warning("", "nothing_follows", detail)
        if not split.side_by_side:
            return
        for index, branch in enumerate(split.branches()):
            first = self.first_at.get(After(step=split.id, branch=branch.id))
            name = branch.name.strip() or branch.id
            if first is None:
                detail = f"The branch {name} begins with nothing. Add a condition step to it, or remove the branch."
                self.checks[split.id].error(f"/branches/{index}", "branch_empty", detail)
            elif not isinstance(first, ConditionStep):
                detail = f"The branch {name} of a multi-branch split begins with a condition. Add one before this step."
                self.checks[first.id].error("", "branch_needs_condition", detail)
        self._overlaps(split)

    def _overlaps(self, split: Step) -> None:
        named: list[tuple[str, Mapping[str, Any]]] = []
        places: list[int] = []
        for index, branch in enumerate(split.branches()):
            first = self.first_at.get(After(step=split.id, branch=branch.id))
            if isinstance(first, ConditionStep) and first.condition is not None:
                named.append((branch.name.strip() or branch.id, first.setting.raw or {}))
                places.append(index)
        for place, detail in overlaps(named):
            self.checks[split.id].warning(f"/branches/{places[place]}", "branches_overlap", detail)

    def _ends(self, step: Step) -> None:
        if not isinstance(step, DelayStep) or step.id in self.followers:
            return
        detail = (
            "Nothing follows this delay: people only complete the journey later. Add a step after it, or remove it."
        )
        self.checks[step.id].warning("", "nothing_follows", detail)

    def _ancestors(self, step: Step) -> set[str]:
        found: set[str] = set()
        at: Step | None = step
        while at is not None and at.after is not None and at.after.step not in found:
            found.add(at.after.step)
            at = self.steps.get(at.after.step)
        return found

    def _reaches(self, start: str, goal: str) -> bool:
        """Whether people can get from a step to another one, also by connections."""
        seen = {start}
        waiting = [start]
        while waiting:
            at = waiting.pop()
            target = self.steps[at].target() if at in self.steps else None
            followers = [other.id for other in self.followers.get(at, [])]
            for follower in [*followers, *([target] if target else [])]:
                if follower == goal:
                    return True
                if follower not in seen and follower in self.steps:
                    seen.add(follower)
                    waiting.append(follower)
        return False

    def _after_loops(self) -> dict[str, list[str]]:
        """For each step that follows itself, all steps of that circle, the first of the definition first."""
        found: dict[str, list[str]] = {}
        seen: set[str] = set()
        for step in self.in_order:
            chain: dict[str, Step] = {}
            at: Step | None = step
            while at is not None and at.id not in seen:
                seen.add(at.id)
                chain[at.id] = at
                at = self.steps.get(at.after.step) if at.after is not None else None
            if at is None or at.id not in chain:
                continue
            forwards = list(reversed(list(chain)[list(chain).index(at.id) :]))
            start = min(range(len(forwards)), key=lambda place: self.places[forwards[place]])
            circle = forwards[start:] + forwards[:start]
            found |= dict.fromkeys(circle, circle)
        return found

    def _title(self, step_id: str) -> str:
        step = self.steps.get(step_id)
        return step_id if step is None else step.title()
