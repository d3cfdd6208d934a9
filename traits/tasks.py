"""Wake-ups of computed traits in the compute queue. Each works until nothing is due or its time is over."""

from __future__ import annotations

import time

from celery import shared_task
from django.conf import settings


def _deadline() -> float:
    return time.monotonic() + settings.ENGAGE_TASK_SECONDS


@shared_task(name="traits.recheck_due")
def recheck_due() -> None:
    from traits.services.compute import recheck_block, spaces_with_due_rechecks

    deadline = _deadline()
    spaces = spaces_with_due_rechecks()
    while spaces and time.monotonic() < deadline:
        spaces = [space for space in spaces if recheck_block(space=space)]


@shared_task(name="traits.backfill")
def backfill() -> None:
    from traits.services.backfill import claim_run, work

    deadline = _deadline()
    while time.monotonic() < deadline and (run := claim_run()):
        work(run)


@shared_task(name="traits.first_syncs")
def first_syncs() -> None:
    from traits.services.first_syncs import open_runs, sync_slice

    deadline = _deadline()
    runs = open_runs()
    while runs and time.monotonic() < deadline:
        runs = [run for run in runs if sync_slice(run)]


@shared_task(name="traits.run_queries")
def run_queries() -> None:
    from django.utils import timezone

    from common.tasks import started
    from traits.services.sql_running import work
    from traits.services.sql_runs import claim_run, start_due

    started(run_queries)
    deadline = _deadline()
    start_due(now=timezone.now())
    while time.monotonic() < deadline and (run := claim_run()):
        work(run)


@shared_task(name="traits.predict")
def predict() -> None:
    from django.utils import timezone

    from common.tasks import started
    from traits.services.predict_runs import claim_run, open_due, work

    started(predict)
    deadline = _deadline()
    open_due(timezone.now())
    while time.monotonic() < deadline and (run := claim_run()):
        work(run, deadline=deadline)
