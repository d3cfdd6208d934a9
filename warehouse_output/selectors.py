"""What pages and the API show of warehouse output: its tables, its next run, and the runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from delivery.models import EngageSource
from engine.traits.schedules import Schedule, read_schedule
from engine.warehouse.names import numbered
from traits.models import WarehouseSource
from traits.selectors.sql import HIDDEN
from warehouse_output.models import OutputRun, WarehouseOutput
from warehouse_output.services.runs import OPEN

MOST_RUNS = 50
State = OutputRun.State


def sentence_of(schedule: Any) -> str:
    return (read_schedule(schedule)[0] or Schedule()).sentence()


def schemas_of(output: WarehouseOutput) -> list[str]:
    """The schema of each Engage source."""
    numbers = EngageSource.objects.filter(space_id=output.space_id).values_list("number", flat=True)
    return [numbered(output.schema, number) for number in sorted({1, *numbers})]


def runs_of(output: WarehouseOutput) -> QuerySet[OutputRun]:
    return output.runs.order_by("-id")


@dataclass(frozen=True, kw_only=True)
class FailingOutput:
    """A warehouse that the calls do not get into; `error` may quote rows."""

    source: WarehouseSource
    error: str


def failing_outputs(space_id: int, *, source_id: int | None = None, limit: int) -> list[FailingOutput]:
    """Outputs whose last run that ended failed, by name; of one warehouse with `source_id`.

    A run that is under way, or that a person cancelled, says nothing yet.
    """
    ended = OutputRun.objects.filter(output=OuterRef("pk"), state__in=[State.DONE, State.FAILED]).order_by("-id")
    rows = WarehouseOutput.objects.filter(space_id=space_id, is_enabled=True).annotate(
        run=Subquery(ended.values("pk")[:1])
    )
    if source_id is not None:
        rows = rows.filter(source_id=source_id)
    runs = OutputRun.objects.filter(pk__in=rows.values("run"), state=State.FAILED).select_related("output__source")
    return [
        FailingOutput(source=run.output.source, error=run.error)
        for run in runs.order_by("output__source__name")[:limit]
    ]


def shown_error(error: str, *, shows_pii: bool) -> str:
    return error if shows_pii or not error else HIDDEN


@dataclass(frozen=True, kw_only=True)
class ShownRun:
    """A run as people see it; `error` is hidden from those who may not see personal data."""

    run: OutputRun
    error: str

    @property
    def state(self) -> str:
        """The word of the badge: a run that waits to be tried again says so."""
        if self.run.state == State.RUNNING and self.run.error:
            return "retrying"
        return "finished" if self.run.state == State.DONE else self.run.state

    @property
    def is_open(self) -> bool:
        return self.run.state in OPEN

    @property
    def stage(self) -> str:
        """What it does now, for an open run."""
        if self.run.state == State.WAITING:
            return "Waiting for a free worker"
        if self.run.error:
            return "Waiting to try again"
        return "Waiting for calls that are being made" if self.run.waits_for else "Writing calls"

    @property
    def percent(self) -> int | None:
        """How far it is on its way through the calls; None while nobody knows."""
        if self.run.upto_id is None or self.run.upto_id <= self.run.after_id:
            return None
        done = (self.run.position - self.run.after_id) * 100 // (self.run.upto_id - self.run.after_id)
        return max(0, min(100, done))

    @property
    def rows(self) -> int:
        return sum(self.run.rows.values())

    @property
    def tables(self) -> list[tuple[str, int]]:
        """The rows of each table, by name."""
        return sorted(self.run.rows.items())

    @property
    def seconds(self) -> float | None:
        if self.run.started_at is None or self.run.finished_at is None:
            return None
        return (self.run.finished_at - self.run.started_at).total_seconds()


def shown_run(run: OutputRun, *, shows_pii: bool) -> ShownRun:
    return ShownRun(run=run, error=shown_error(run.error, shows_pii=shows_pii))


def latest_runs(output: WarehouseOutput, *, shows_pii: bool) -> list[ShownRun]:
    return [shown_run(run, shows_pii=shows_pii) for run in runs_of(output)[:MOST_RUNS]]
