"""Wake-ups of journeys in the compute queue. Each works until nothing is due or its time is over; safe to run twice."""

from __future__ import annotations

import time

from celery import shared_task
from django.conf import settings


def _deadline() -> float:
    return time.monotonic() + settings.ENGAGE_TASK_SECONDS


@shared_task(name="journeys.advance_due")
def advance_due() -> None:
    from common.tasks import started
    from journeys.services.due import settle, spaces_with_due

    started(advance_due)
    deadline = _deadline()
    spaces = spaces_with_due()
    while spaces and time.monotonic() < deadline:
        spaces = [space for space in spaces if settle(space=space, deadline=deadline)]


@shared_task(name="journeys.first_syncs")
def first_syncs() -> None:
    from journeys.services.first_syncs import open_runs, sync_slice

    deadline = _deadline()
    runs = open_runs()
    while runs and time.monotonic() < deadline:
        runs = [run for run in runs if sync_slice(run)]


@shared_task(name="journeys.finish_resumes")
def finish_resumes() -> None:
    from journeys.services.lifecycle import finish_resumes

    finish_resumes()


@shared_task(name="journeys.dry_run")
def dry_run() -> None:
    from common.tasks import started
    from journeys.services.dry_runs import claim, work

    started(dry_run)
    deadline = _deadline()
    while time.monotonic() < deadline and (run := claim()):
        work(run, deadline=deadline)
