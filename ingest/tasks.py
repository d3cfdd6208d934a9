"""The wake-ups of ingest: the inbound log is worked off, and people who asked for it are deleted. Safe to run twice."""

from __future__ import annotations

import time

from celery import shared_task
from django.conf import settings

from common.locks import LockClass


@shared_task(name="ingest.process_inbound")
def process_inbound() -> None:
    from common.tasks import turn
    from ingest.pipeline import process_next

    deadline = time.monotonic() + settings.ENGAGE_TASK_SECONDS
    with turn(process_inbound, LockClass.INGEST_RUN, settings.ENGAGE_INGEST_RUNS) as is_mine:
        while is_mine is not None and time.monotonic() < deadline and process_next():
            pass


@shared_task(name="ingest.regulate")
def regulate() -> None:
    from common.tasks import started
    from ingest.deletion.job import work

    started(regulate)
    work()
