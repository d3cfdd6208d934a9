"""Wake-ups of the compute queue. Each works until nothing is due or its time is over; all are safe to run twice."""

from __future__ import annotations

import time

from celery import shared_task
from django.conf import settings


def _deadline() -> float:
    return time.monotonic() + settings.ENGAGE_TASK_SECONDS


@shared_task(name="audiences.compute")
def compute() -> None:
    from audiences.services.compute import compute_block, spaces_with_changes
    from common.tasks import started

    started(compute)
    deadline = _deadline()
    spaces = spaces_with_changes()
    while spaces and time.monotonic() < deadline:
        spaces = [space for space in spaces if compute_block(space=space)]


@shared_task(name="audiences.recheck_due")
def recheck_due() -> None:
    from audiences.selectors.audiences import spaces_with_due_rechecks
    from audiences.services.compute import recheck_block

    deadline = _deadline()
    spaces = spaces_with_due_rechecks()
    while spaces and time.monotonic() < deadline:
        spaces = [space for space in spaces if recheck_block(space=space)]


@shared_task(name="audiences.backfill")
def backfill() -> None:
    from audiences.services.backfill import claim_run, work

    deadline = _deadline()
    while time.monotonic() < deadline and (run := claim_run()):
        work(run)


@shared_task(name="audiences.first_syncs")
def first_syncs() -> None:
    from audiences.services.first_syncs import open_runs, sync_slice

    deadline = _deadline()
    runs = open_runs()
    while runs and time.monotonic() < deadline:
        runs = [run for run in runs if sync_slice(run)]


@shared_task(name="audiences.export")
def export() -> None:
    from audiences.services.exports import claim_export, write_export
    from common.tasks import started

    started(export)
    deadline = _deadline()
    while time.monotonic() < deadline and (claimed := claim_export()):
        write_export(claimed)
