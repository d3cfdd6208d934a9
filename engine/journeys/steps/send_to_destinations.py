"""Send to destinations: on joining, everybody is sent to each connected destination (journeys.md §4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self

from engine.journeys.reading import Reader
from engine.journeys.steps.base import SENDS, Next, RunLike, Step, VerdictLike
from engine.journeys.steps.checks import Checks
from engine.journeys.steps.connections import StepConnection, read_connections


@dataclass(frozen=True, kw_only=True)
class SendStep(Step):
    type: ClassVar[str] = "send_to_destinations"
    label: ClassVar[str] = "Send to destinations"
    keys: ClassVar[tuple[str, ...]] = ("name", "connections")
    has_key: ClassVar[bool] = True

    connections: tuple[StepConnection, ...] = ()

    @classmethod
    def read(cls, reader: Reader, raw: Mapping[str, Any], path: str, place: Mapping[str, Any]) -> Self:
        name = reader.optional_text(raw, path, "name")
        return cls(**place, name=name, connections=read_connections(reader, raw, path))

    def data(self) -> dict[str, Any]:
        return {**super().data(), "connections": [connection.as_json() for connection in self.connections]}

    def arrive(self, run: RunLike, now: datetime, verdict: VerdictLike | None) -> Next:
        return SENDS

    def check(self, checks: Checks) -> None:
        checks.name(self.name, needed="Name this step by the users sent, such as New subscribed users.")
        checks.connections(self.connections, needed="Connect at least one destination, or remove the step.")

    def sentence(self) -> str:
        count = len(self.connections)
        return f"Send to {count} destination{'' if count == 1 else 's'}"

    def facts(self) -> dict[str, str]:
        return {"name": self.name}
