"""Runs of SQL traits: when one is due, who works on it, and how it is stopped."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from audiences.models import ComputeStatus
from audiences.services import runs
from common.locks import LockClass
from common.models import SlicedRun
from common.tasks import enqueue
from engine.traits.schedules import read_schedule
from engine.traits.sql import SQL
from traits.models import SqlRun, SqlTrait, Trait
from traits.services.origins import Origin, add_origin
from traits.tasks import run_queries

BLOCK_DUE = 100
# On top of the longest statement: a worker that is alive says so after every block of rows.
LEASE_SECONDS = 60


def lease_until(now: datetime) -> datetime:
    return now + timedelta(seconds=settings.ENGAGE_WAREHOUSE_SECONDS + LEASE_SECONDS)


def start_run(trait: Trait, trigger: str = SqlRun.Trigger.CHANGE) -> None:
    """Queue a run of the current revision; an older one that is not finished is cancelled."""
    cancel_runs(trait)
    SqlRun.objects.create(space=trait.space, trait=trait, revision=trait.revision, trigger=trigger)
    enqueue(run_queries)


def cancel_runs(trait: Trait) -> int:
    """Stop what is open. A worker notices before its next block; what it has written stays."""
    open_ = list(trait.sql_runs.filter(state__in=runs.OPEN).values_list("pk", flat=True))
    count = runs.cancel_open(SqlRun.objects.filter(pk__in=open_))
    for run_id in open_:
        forget_rows(run_id)
    return count


def open_run(trait: Trait) -> SlicedRun | None:
    found: SqlRun | None = trait.sql_runs.filter(state__in=runs.OPEN).order_by("-id").first()
    return found


def forget_rows(run_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM sql_staged_row WHERE run_id = %s", [run_id])


@transaction.atomic
def start_due(*, now: datetime) -> int:
    """Queue the runs whose time has come; one that is still under way is not doubled. Returns how many were due."""
    due = list(
        SqlTrait.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(next_run_at__lte=now)
        .select_related("trait", "trait__space")
        .order_by("next_run_at")[:BLOCK_DUE]
    )
    for row in due:
        schedule, _ = read_schedule(row.schedule)
        row.next_run_at = schedule.next_after(now) if schedule else None
        row.save(update_fields=["next_run_at"])
        trait = row.trait
        if trait.deleted_at is None and trait.is_enabled and open_run(trait) is None:
            start_run(trait, SqlRun.Trigger.SCHEDULE)
    return len(due)


def claim_run() -> SqlRun | None:
    """Take the oldest open run that nobody works on, unless ENGAGE_WAREHOUSE_RUNS are being worked on."""
    now = timezone.now()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [LockClass.SQL_RUNS])
        if (
            SqlRun.objects.filter(state__in=runs.OPEN, lease_until__gte=now, attempts__gt=0)
            .exclude(error__gt="")
            .count()
            >= settings.ENGAGE_WAREHOUSE_RUNS
        ):
            return None
        run: SqlRun | None = (
            SqlRun.objects.select_for_update(of=("self",))
            .filter(state__in=runs.OPEN)
            .filter(Q(lease_until=None) | Q(lease_until__lt=now))
            .order_by("id")
            .first()
        )
        if run is None:
            return None
        run.state = SlicedRun.State.RUNNING
        run.attempts += 1
        run.started_at = run.started_at or now
        run.lease_until = lease_until(now)
        run.error = ""
        run.save()
        Trait.objects.filter(pk=run.trait_id, is_enabled=True, status=ComputeStatus.PREPARING).update(
            status=ComputeStatus.COMPUTING
        )
    return run


def offer() -> None:
    """Called once, when the app is ready."""
    add_origin(
        Origin(
            name=SQL,
            start=start_run,
            cancel=cancel_runs,
            open_run=open_run,
            mode="Scheduled",
            mode_detail="Scheduled: values change when the query is run",
            tabs=(("traits:sql_runs", "Runs"),),
            restart=lambda trait: start_run(trait, SqlRun.Trigger.PERSON),
        )
    )
