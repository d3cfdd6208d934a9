"""The wake-up of warehouse output."""

from __future__ import annotations

import time

from celery import shared_task
from django.conf import settings


@shared_task(name="warehouse_output.write_calls")
def write_calls() -> None:
    from django.utils import timezone

    from common.tasks import started
    from warehouse_output.services.runs import claim_run, start_due
    from warehouse_output.services.writing import work

    started(write_calls)
    deadline = time.monotonic() + settings.ENGAGE_TASK_SECONDS
    start_due(now=timezone.now())
    while time.monotonic() < deadline and (run := claim_run()):
        work(run, deadline=deadline)
