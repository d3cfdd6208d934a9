"""A Celery worker as `make run` starts it, on the database of the measurement."""

# ruff: noqa: PLC0415 - Django is set up before its modules are imported

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection

from bench.common import PROJECT

QUEUES = "ingest,compute,deliver"
CONCURRENCY = "6"


class RealWorker:
    """Wakes the worker as the product does, and waits until there is nothing left to do."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def drain(self) -> None:
        """Until everything received is stored and evaluated."""
        from ingest.tasks import process_inbound

        for _ in range(settings.ENGAGE_INGEST_RUNS):
            process_inbound.apply_async(ignore_result=True)
        self._wait("SELECT EXISTS (SELECT FROM inbound_batch) OR EXISTS (SELECT FROM changed_profiles)")

    def deliver(self) -> None:
        """Until the outbox is empty."""
        from delivery.tasks import deliver

        for _ in range(settings.ENGAGE_DELIVER_RUNS):
            deliver.apply_async(ignore_result=True)
        self._wait("SELECT EXISTS (SELECT FROM delivery)")

    def _wait(self, busy: str) -> None:
        with connection.cursor() as cursor:
            while True:
                cursor.execute(busy)
                if not cursor.fetchone()[0]:
                    return
                time.sleep(0.02)


@contextmanager
def real_worker(url: str) -> Iterator[RealWorker]:
    """Start the worker on the database at `url`; stop it in the end. Its log goes to this process's stderr."""
    environment = {**os.environ, "DATABASE_URL": url, "ENGAGE_LOG_LEVEL": "ERROR"}
    command = [sys.executable, "-m", "celery", "-A", "engage_admin", "worker", "--loglevel", "ERROR"]
    command += ["--concurrency", CONCURRENCY, "--queues", QUEUES, "--without-gossip", "--without-mingle"]
    process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL)
    try:
        yield RealWorker(process.pid)
    finally:
        process.terminate()
        process.wait(60)
