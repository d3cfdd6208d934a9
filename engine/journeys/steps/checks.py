"""Collects what is wrong with one step, or with the entry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.conditions import mentions
from engine.conditions.mentioning import places
from engine.conditions.nodes import JourneyStepNode
from engine.journeys.errors import ERROR, WARNING, JourneyProblem
from engine.journeys.world import World

if TYPE_CHECKING:
    from engine.journeys.steps.condition_setting import ConditionSetting
    from engine.journeys.steps.connections import StepConnection

LONGEST_STEP_NAME = 170


class Checks:
    """Problems go to `found`, with the step's id and its path in front of theirs."""

    def __init__(self, world: World, step: str | None, path: str, found: list[JourneyProblem]) -> None:
        self.world = world
        self.step = step
        self.path = path
        self.found = found

    def error(self, path: str, code: str, detail: str) -> None:
        self._add(ERROR, path, code, detail)

    def warning(self, path: str, code: str, detail: str) -> None:
        self._add(WARNING, path, code, detail)

    def name(
        self, text: str, *, path: str = "/name", needed: str = "", longest: int = LONGEST_STEP_NAME, what: str = "name"
    ) -> None:
        """A name: not too long, and given if `needed` says what to write."""
        if needed and not text.strip():
            self.error(path, "name_required", needed)
        if len(text) > longest:
            self.error(path, "name_too_long", f"The {what} has {len(text)} characters; use at most {longest}.")

    def condition(self, setting: ConditionSetting, *, path: str = "/condition", needed: str) -> None:
        """A condition: set, well formed, about users, and of audiences that exist."""
        if setting.raw is None:
            self.error(path, "condition_required", needed)
            return
        for problem in setting.problems:
            self.error(f"{path}{problem.path}", problem.code, problem.detail)
        condition = setting.condition
        if condition is None:
            return
        if condition.collection != "users":
            detail = "Journeys are for users; build the condition on users instead of accounts."
            self.error(f"{path}/collection", "users_only", detail)
        for place, node, _ in places(condition):
            if isinstance(node, JourneyStepNode):
                detail = "A journey cannot ask for steps of journeys. Make an audience of the step, and ask for that."
                self.error(f"{path}{place}", "journey_step", detail)
        if self.world.checks_references:
            for name in sorted(mentions(condition).audiences - set(self.world.audiences)):
                detail = f"The audience {name} does not exist, or was deleted. Choose another one in this condition."
                self.error(path, "unknown_audience", detail)

    def connections(self, connections: Sequence[StepConnection], *, path: str = "/connections", needed: str) -> None:
        """Destinations: at least one, each once, existing, enabled, with something to send."""
        if not connections:
            self.error(path, "destination_required", needed)
        seen: set[str] = set()
        for index, connection in enumerate(connections):
            place = f"{path}/{index}"
            if connection.destination in seen:
                detail = "This destination is connected twice to the step. Remove one of the two."
                self.error(f"{place}/destination", "duplicate_destination", detail)
            seen.add(connection.destination)
            self._connection(connection, place)

    def lists_only(self, connections: Sequence[StepConnection], *, path: str = "/connections") -> None:
        """An ad is shown to the people of a list; an event destination only hears of them."""
        for index, connection in enumerate(connections):
            facts = self.world.destinations.get(connection.destination)
            if facts is not None and facts.kind != "list":
                detail = f"{facts.name} keeps no list of people to show an ad to. Use Send to destinations for it."
                self.warning(f"{path}/{index}/destination", "no_list_destination", detail)

    def _connection(self, connection: StepConnection, place: str) -> None:
        facts = self.world.destinations.get(connection.destination)
        if self.world.checks_references and facts is None:
            detail = (
                f"The destination {connection.destination} does not exist, or was deleted. "
                "Remove it from the step or connect another one."
            )
            self.error(f"{place}/destination", "unknown_destination", detail)
            return
        is_list = facts is not None and facts.kind == "list"
        if facts is not None and not facts.is_enabled:
            detail = f"{facts.name} is disabled. Enable it under Destinations, or remove it from the step."
            self.error(f"{place}/destination", "destination_disabled", detail)
        if not is_list and not (connection.send_identify or connection.send_track):
            name = "this destination" if facts is None else facts.name
            detail = f"Nothing would be sent to {name}. Turn on Send Identify or Send Track."
            self.error(place, "nothing_sent", detail)
        if connection.send_track and not connection.enter_event.strip():
            self.error(f"{place}/enter_event", "name_required", "Name the event that is sent on entering the step.")
        if connection.send_track and not connection.exit_event.strip():
            self.error(f"{place}/exit_event", "name_required", "Name the event that is sent on leaving the journey.")
        if facts is not None and not facts.takes_traits and connection.setup == "customized" and connection.traits:
            detail = f"{facts.name} takes no enriched traits. Remove the traits; ID Sync can stay."
            self.error(f"{place}/traits", "traits_not_taken", detail)

    def _add(self, severity: str, path: str, code: str, detail: str) -> None:
        problem = JourneyProblem(severity=severity, step=self.step, path=f"{self.path}{path}", code=code, detail=detail)
        self.found.append(problem)
