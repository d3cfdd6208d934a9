"""A definition made ready to run: who follows whom, with every connect step resolved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from engine.conditions import Mentions, mentions
from engine.conditions.nodes import Condition
from engine.journeys.definition import JourneyDefinition
from engine.journeys.steps.base import ENTRY, Step

MAIN = ""
"""The one branch of a step that does not split."""


@dataclass(slots=True)
class PlanStep:
    """A step, or the entry (`step` None). `children` by branch, "" for what follows without one.

    `ways_in` are (parent, branch) pairs. `depth` is the longest way from the entry, `rank` the place in `Plan.order`.
    """

    id: str
    step: Step | None
    children: dict[str, tuple[str, ...]] = field(default_factory=dict)
    following: tuple[str, ...] = ()
    ways_in: tuple[tuple[str, str], ...] = ()
    depth: int = 0
    rank: int = 0
    waits: bool = False
    is_judged: bool = False
    side_by_side: bool = False
    has_key: bool = False

    @property
    def is_leaf(self) -> bool:
        """Nothing follows, whatever branch is taken."""
        return not self.following


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What `running.advance` and `walk` run. `steps` has the entry and every step that can be reached, in `order`.

    `conditions` of the steps that judge, without the entry's; a step whose condition is not complete is not in it.
    """

    definition: JourneyDefinition
    steps: Mapping[str, PlanStep]
    order: tuple[str, ...]
    conditions: Mapping[str, Condition]
    mentions: Mapping[str, Mentions]
    exit_after: timedelta | None
    reentry_after: timedelta | None

    def children(self, step_id: str, branch: str = MAIN) -> tuple[str, ...]:
        """What follows a step, or one of its branches."""
        return self.steps[step_id].children.get(branch, ())

    def parents(self, step_id: str) -> tuple[str, ...]:
        """The steps that lead to it, each once."""
        return tuple(dict.fromkeys(parent for parent, _ in self.steps[step_id].ways_in))

    @property
    def leaves(self) -> frozenset[str]:
        """The steps that nothing follows."""
        return frozenset(step_id for step_id, step in self.steps.items() if step.is_leaf)

    @property
    def depth(self) -> int:
        return max(step.depth for step in self.steps.values())

    @property
    def sending(self) -> tuple[str, ...]:
        """The steps that send, in order."""
        return tuple(step_id for step_id in self.order if self.steps[step_id].has_key)


def compile(definition: JourneyDefinition) -> Plan:  # noqa: A001 - the contract's word, as in re.compile
    """The plan of a definition. Never raises: what `problems.check` objects to is left out of it.

    Left out are steps that cannot be reached from the entry, connects without a target, and ways that lead back.
    """
    followers = resolved_followers(definition)
    order, ways = _sorted_ways(followers)
    by_id = {step.id: step for step in definition.steps}
    steps = {step_id: _plan_step(step_id, by_id.get(step_id)) for step_id in order}
    for rank, step_id in enumerate(order):
        planned = steps[step_id]
        planned.rank = rank
        planned.children = _grouped(ways[step_id])
        planned.following = tuple(dict.fromkeys(child for _, child in ways[step_id]))
        for branch, child in ways[step_id]:
            steps[child].ways_in += ((step_id, branch),)
            steps[child].depth = max(steps[child].depth, planned.depth + 1)
    conditions = {
        step_id: condition
        for step_id in order
        if (step := by_id.get(step_id)) is not None and (condition := step.judges()) is not None
    }
    return Plan(
        definition=definition,
        steps=steps,
        order=order,
        conditions=conditions,
        mentions={step_id: mentions(condition) for step_id, condition in conditions.items()},
        exit_after=definition.exit_after,
        reentry_after=definition.reentry_after,
    )


def resolved_followers(definition: JourneyDefinition) -> dict[str, list[tuple[str, str]]]:
    """Per step (branch, following step) as written, in the order of the definition; connects replaced by their target.

    Only what names an existing step, and a branch that it has.
    """
    steps = {step.id: step for step in definition.steps}
    branches = {
        step.id: {branch.id for branch in step.branches()} if step.splits else {MAIN} for step in steps.values()
    }
    followers: dict[str, list[tuple[str, str]]] = {step_id: [] for step_id in (ENTRY, *steps)}
    branches[ENTRY] = {MAIN}
    for step in definition.steps:
        if step.after is None or step.after.step not in followers:
            continue
        branch = step.after.branch or MAIN
        target = final_target(steps, step)
        if target is not None and branch in branches[step.after.step]:
            followers[step.after.step].append((branch, target))
    return followers


def final_target(steps: Mapping[str, Step], step: Step) -> str | None:
    """The step itself; for a connect, the step that it leads to in the end. None for a target that does not exist."""
    seen: set[str] = set()
    target = step.target()
    found = step
    while target is not None:
        if found.id in seen or target not in steps:
            return None
        seen.add(found.id)
        found = steps[target]
        target = found.target()
    return found.id


def _sorted_ways(
    followers: Mapping[str, list[tuple[str, str]]],
) -> tuple[tuple[str, ...], dict[str, list[tuple[str, str]]]]:
    """The steps within reach so that parents come first, and their followers without ways that lead back."""
    ways: dict[str, list[tuple[str, str]]] = {ENTRY: []}
    finished: list[str] = []
    open_ids = {ENTRY}
    stack: list[tuple[str, Iterator[tuple[str, str]]]] = [(ENTRY, reversed(followers[ENTRY]))]
    while stack:
        step_id, remaining = stack[-1]
        way = next(remaining, None)
        if way is None:
            stack.pop()
            open_ids.discard(step_id)
            finished.append(step_id)
            continue
        child = way[1]
        if child in open_ids or way in ways[step_id]:
            continue
        ways[step_id].append(way)
        if child not in ways:
            ways[child] = []
            open_ids.add(child)
            stack.append((child, reversed(followers[child])))
    kept = {
        step_id: [way for way in dict.fromkeys(followers[step_id]) if way in found] for step_id, found in ways.items()
    }
    return tuple(reversed(finished)), kept


def _plan_step(step_id: str, step: Step | None) -> PlanStep:
    if step is None:
        return PlanStep(step_id, None)
    return PlanStep(
        step_id,
        step,
        waits=step.waits,
        is_judged=step.is_judged,
        side_by_side=step.side_by_side,
        has_key=step.has_key,
    )


def _grouped(ways: list[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for branch, child in ways:
        found[branch] = (*found.get(branch, ()), child)
    return found
