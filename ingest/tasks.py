"""The wake-up of the ingest queue: works until the inbound log is empty or its time is over; safe to run twice."""

from __future__ import annotations

import time

from celery import shared_task
from django.conf import settings

from common.locks import LockClass


@shared_task(name="ingest.process_inbound")
def process_inbound() -> None:
    from common.slots import slot
    from common.tasks import started
    from ingest.pipeline import process_next

    started(process_inbound)
    deadline = time.monotonic() + settings.ENGAGE_TASK_SECONDS
    with slot(LockClass.INGEST_RUN, settings.ENGAGE_INGEST_RUNS) as is_mine:
        while is_mine and time.monotonic() < deadline and process_next():
            pass
