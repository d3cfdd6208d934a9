"""Everything that stops a draft from being published, and what is worth a warning; all at once."""

from __future__ import annotations

from engine.conditions.mentioning import walk
from engine.conditions.nodes import EventNode, Within
from engine.journeys import durations
from engine.journeys.definition import JourneyDefinition
from engine.journeys.errors import ERROR, WARNING, JourneyProblem
from engine.journeys.steps.base import ENTRY
from engine.journeys.steps.checks import Checks
from engine.journeys.structure import check_structure
from engine.journeys.world import DestinationFacts, World

__all__ = ["ERROR", "WARNING", "DestinationFacts", "JourneyProblem", "World", "check", "errors_of"]

LONGEST_JOURNEY_NAME = 73
MOST_STEPS = 100


def check(definition: JourneyDefinition, world: World) -> list[JourneyProblem]:
    """All problems: of the journey, of its entry, then of its steps in their order."""
    found: list[JourneyProblem] = []
    _check_journey(definition, Checks(world, None, "", found))
    _check_entry(definition, Checks(world, ENTRY, "/entry", found))
    by_step: list[list[JourneyProblem]] = [[] for _ in definition.steps]
    checks: dict[str, Checks] = {}
    for index, step in enumerate(definition.steps):
        own = Checks(world, step.id, f"/steps/{index}", by_step[index])
        step.check(own)
        checks.setdefault(step.id, own)
    check_structure(definition, checks)
    return found + [problem for problems in by_step for problem in problems]


def errors_of(problems: list[JourneyProblem]) -> list[JourneyProblem]:
    """Those that stop publishing."""
    return [problem for problem in problems if problem.severity == ERROR]


def _check_journey(definition: JourneyDefinition, checks: Checks) -> None:
    checks.name(definition.name, needed="Name the journey.", longest=LONGEST_JOURNEY_NAME)
    if definition.reentry_setting is not None and definition.exit_setting is None:
        detail = "Re-entry counts from the exit: set an exit time too, or turn re-entry off."
        checks.error("/settings/reentry_after", "reentry_without_exit", detail)
    if len(definition.steps) > MOST_STEPS:
        detail = f"The journey has {len(definition.steps)} steps; a journey has at most {MOST_STEPS}. Remove some."
        checks.error("/steps", "too_many_steps", detail)
    if not definition.steps:
        checks.warning("/steps", "no_steps", "The journey only counts who enters. Add a step after the entry.")
    elif not any(step.has_key for step in definition.steps):
        detail = "No step of the journey sends anything. Add Send to destinations or Show an ad."
        checks.warning("/steps", "sends_nothing", detail)


def _check_entry(definition: JourneyDefinition, checks: Checks) -> None:
    checks.name(definition.entry.name, needed="Name the entry by the people who enter, such as New users.")
    checks.condition(definition.entry.setting, needed="Say who enters: add at least one condition to the entry.")
    condition, exit_setting = definition.entry.condition, definition.exit_setting
    if condition is None or exit_setting is None or definition.reentry_setting is None:
        return
    windows = [
        node.window.duration
        for node in walk(condition.where)
        if isinstance(node, EventNode) and isinstance(node.window, Within)
    ]
    longest = max(windows, key=lambda window: window.micros, default=None)
    if longest is not None and longest.micros > exit_setting.micros:
        detail = (
            f"The entry looks back {durations.in_words(longest)}, longer than the exit time of "
            f"{durations.in_words(exit_setting)}: the same event can bring people in again and again. "
            "Shorten the window, or lengthen the exit time."
        )
        checks.warning("/condition", "entry_window_longer_than_exit", detail)
