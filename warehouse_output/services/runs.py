"""Runs of warehouse output: when one is due, who works on it, and how it is stopped."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from common.tasks import enqueue
from engine.traits.schedules import read_schedule
from warehouse_output.models import OutputRun, WarehouseOutput
from warehouse_output.tasks import write_calls

State = OutputRun.State
OPEN = [State.WAITING, State.RUNNING]
BLOCK_DUE = 100
KEPT_RUNS = 200
# On top of the longest block: a worker that is alive says so after every block.
LEASE_SECONDS = 60


def lease_until(now: datetime) -> datetime:
    return now + timedelta(seconds=settings.ENGAGE_WAREHOUSE_SECONDS + LEASE_SECONDS)


def open_run(output: WarehouseOutput) -> OutputRun | None:
    found: OutputRun | None = output.runs.filter(state__in=OPEN).first()
    return found


def start_run(output: WarehouseOutput, trigger: str) -> OutputRun:
    """Queue a run; none may be open. What is long over is forgotten."""
    old = output.runs.order_by("-id").values_list("pk", flat=True)[KEPT_RUNS:]
    OutputRun.objects.filter(pk__in=list(old)).delete()
    run: OutputRun = OutputRun.objects.create(
        space=output.space, output=output, trigger=trigger, after_id=output.position, position=output.position
    )
    enqueue(write_calls)
    return run


def cancel_runs(output: WarehouseOutput) -> int:
    """Stop what is open. A worker notices before its next block; what it has written stays."""
    rows = OutputRun.objects.filter(output=output, state__in=OPEN)
    return rows.update(state=State.CANCELLED, finished_at=timezone.now(), lease_until=None)


@transaction.atomic
def start_due(*, now: datetime) -> int:
    """Queue the runs whose time has come; one that is still under way is not doubled. Returns how many were due."""
    due = list(
        WarehouseOutput.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(next_run_at__lte=now)
        .select_related("space")
        .order_by("next_run_at")[:BLOCK_DUE]
    )
    for output in due:
        schedule, _ = read_schedule(output.schedule)
        output.next_run_at = schedule.next_after(now) if schedule else None
        output.save(update_fields=["next_run_at"])
        if output.is_enabled and open_run(output) is None:
            start_run(output, OutputRun.Trigger.SCHEDULE)
    return len(due)


@transaction.atomic
def claim_run() -> OutputRun | None:
    """Take the oldest open run that nobody works on."""
    now = timezone.now()
    run: OutputRun | None = (
        OutputRun.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(state__in=OPEN)
        .filter(Q(lease_until=None) | Q(lease_until__lt=now))
        .order_by("id")
        .first()
    )
    if run is None:
        return None
    run.state = State.RUNNING
    run.claim += 1
    run.started_at = run.started_at or now
    run.lease_until = lease_until(now)
    run.save()
    return run
