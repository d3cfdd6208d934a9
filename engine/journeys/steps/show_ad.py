"""Show an ad: people go on the lists of ad destinations, and off them again after a time (journeys.md §2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, ClassVar, Self

from engine.conditions.nodes import Duration
from engine.journeys import durations
from engine.journeys.reading import Reader
from engine.journeys.steps.base import SENDS, Next, RunLike, Step, VerdictLike
from engine.journeys.steps.checks import Checks
from engine.journeys.steps.connections import StepConnection, read_connections


@dataclass(frozen=True, kw_only=True)
class ShowAdStep(Step):
    """`remove_after` None: they stay. Being taken off an ad leaves the person in the journey."""

    type: ClassVar[str] = "show_ad"
    label: ClassVar[str] = "Show an ad"
    keys: ClassVar[tuple[str, ...]] = ("name", "connections", "remove_after")
    has_key: ClassVar[bool] = True

    connections: tuple[StepConnection, ...] = ()
    remove_after: Duration | None = None

    @classmethod
    def read(cls, reader: Reader, raw: Mapping[str, Any], path: str, place: Mapping[str, Any]) -> Self:
        return cls(
            **place,
            name=reader.optional_text(raw, path, "name"),
            connections=read_connections(reader, raw, path),
            remove_after=reader.optional_duration(raw, path, "remove_after"),
        )

    def data(self) -> dict[str, Any]:
        connections = [connection.as_json() for connection in self.connections]
        return {
            **super().data(),
            "connections": connections,
            "remove_after": durations.as_json(self.remove_after),
        }

    def arrive(self, run: RunLike, now: datetime, verdict: VerdictLike | None) -> Next:
        if self.remove_after is None:
            return SENDS
        return Next(True, sends=True, remove_at=now + self._span)

    @cached_property
    def _span(self) -> timedelta:
        return timedelta(0) if self.remove_after is None else durations.span_of(self.remove_after)

    def check(self, checks: Checks) -> None:
        checks.name(self.name, needed="Name this step by the users who see the ad, such as Left a full cart.")
        checks.connections(self.connections, needed="Connect at least one ad destination, or remove the step.")
        checks.lists_only(self.connections)

    def sentence(self) -> str:
        count = len(self.connections)
        removal = "" if self.remove_after is None else f", remove after {durations.in_words(self.remove_after)}"
        return f"Show an ad through {count} destination{'' if count == 1 else 's'}{removal}"

    def facts(self) -> dict[str, str]:
        removal = "never" if self.remove_after is None else f"after {durations.in_words(self.remove_after)}"
        return {"name": self.name, "removal": removal}
