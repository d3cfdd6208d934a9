"""What the pages and the API of SQL traits read: the warehouse, the schedule, runs and values by column."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from common.models import SlicedRun
from engine.traits.schedules import Schedule, read_schedule
from engine.traits.sql import SQL
from spaces.models import Space
from traits.models import SqlRun, SqlTrait, Trait
from traits.selectors.masking import shown_common
from traits.selectors.values import Common, common_values
from traits.services.sql_columns import columns_of

MOST_RUNS = 50
HIDDEN = "Only people with the right to personal data see what the warehouse said: it may quote rows."


def sql_trait(trait: Trait) -> SqlTrait | None:
    """What a SQL trait has besides others; None for other kinds."""
    if trait.kind != SQL:
        return None
    found: SqlTrait = SqlTrait.objects.select_related("source", "trait__space").get(trait=trait)
    return found


def get_sql_trait(space: Space, public_id: str) -> SqlTrait | None:
    rows = SqlTrait.objects.filter(trait__space=space, trait__deleted_at=None, trait__public_id=public_id)
    found: SqlTrait | None = rows.select_related("source", "trait__space").first()
    return found


def schedule_of(row: SqlTrait) -> Schedule:
    return read_schedule(row.schedule)[0] or Schedule()


def runs_of(trait: Trait) -> QuerySet[SqlRun]:
    return trait.sql_runs.order_by("-id")


@dataclass(frozen=True, kw_only=True)
class ShownRun:
    """A run as people see it; `error` is hidden from those who may not see personal data."""

    run: SqlRun
    error: str

    @property
    def state(self) -> str:
        """The word of the badge: a run that waits to be tried again says so."""
        if self.run.state == SlicedRun.State.RUNNING and self.run.error:
            return "retrying"
        return "finished" if self.run.state == SlicedRun.State.DONE else self.run.state

    @property
    def is_open(self) -> bool:
        return self.run.state in {SlicedRun.State.WAITING, SlicedRun.State.RUNNING}

    @property
    def stage(self) -> str:
        """What it does now, for an open run."""
        if self.run.state == SlicedRun.State.WAITING:
            return "Waiting for a free worker"
        if self.run.error:
            return "Waiting to try again"
        return SqlRun.Stage(self.run.stage).label

    @property
    def done(self) -> int:
        return self.run.position if self.run.stage == SqlRun.Stage.FINDING else self.run.profiles_done

    @property
    def total(self) -> int:
        """Of what `done` is part; 0 while nobody knows."""
        if self.run.stage == SqlRun.Stage.READING:
            return 0
        return self.run.rows_read if self.run.stage == SqlRun.Stage.FINDING else self.run.profiles_total

    @property
    def seconds(self) -> float | None:
        if self.run.started_at is None or self.run.finished_at is None:
            return None
        return (self.run.finished_at - self.run.started_at).total_seconds()


def shown_run(run: SqlRun, *, shows_pii: bool) -> ShownRun:
    return ShownRun(run=run, error=run.error if shows_pii or not run.error else HIDDEN)


def latest_runs(trait: Trait, *, shows_pii: bool) -> list[ShownRun]:
    return [shown_run(run, shows_pii=shows_pii) for run in runs_of(trait)[:MOST_RUNS]]


@dataclass(frozen=True, kw_only=True)
class ColumnValues:
    """The most common values of one column (W053)."""

    column: str
    common: list[Common]


def common_by_column(trait: Trait, *, shows_pii: bool) -> list[ColumnValues]:
    return [
        ColumnValues(
            column=column,
            common=shown_common(common_values(trait, column=column), trait=trait, shows_pii=shows_pii),
        )
        for column in columns_of(trait)
    ]
