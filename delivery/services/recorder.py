"""Writing outcomes while calls go on: one thread with a database connection of its own, one block after the other."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime
from typing import Any

from django.db import IntegrityError, OperationalError, transaction
from django.db import connection as database

from delivery.services import outbox, outcomes

logger = logging.getLogger(__name__)

TRIES = 5


class Recorder:
    """At most one block is under way. What could not be written is raised by `collect`, in the caller's thread.

    Inside a transaction of the caller the block is written at once: another connection would not see its rows.
    """

    def __init__(self, *, clock: Callable[[], datetime], record: Callable[..., None] = outcomes.record) -> None:
        """`record(block, now=…)` writes one block."""
        self._clock = clock
        self._record = record
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="outcomes")
        self._under_way: Future[None] | None = None
        # How long writing the last block took.
        self.seconds = 0.0

    @property
    def is_busy(self) -> bool:
        return self._under_way is not None

    def submit(self, block: Any) -> None:
        """Write a block. Call `collect` until it says True before the next one."""
        assert self._under_way is None
        if transaction.get_connection().in_atomic_block:
            self._record(block, now=self._clock())
        else:
            self._under_way = self._thread.submit(self._write, block)

    def collect(self, *, timeout: float | None = 0.0) -> bool:
        """Whether nothing is under way (any more), after waiting up to `timeout` seconds; None waits for the end."""
        if self._under_way is None:
            return True
        if timeout != 0.0:
            wait([self._under_way], timeout)
        if not self._under_way.done():
            return False
        finished, self._under_way = self._under_way, None
        finished.result()
        return True

    def close(self) -> None:
        self._thread.submit(lambda: database.close())  # noqa: PLW0108 - looked up there, it is that thread's connection
        self._thread.shutdown()

    def _write(self, block: Any) -> None:
        """A deadlock, a row that somebody else wrote first or a database that is away must not lose what was sent."""
        for attempt in range(1, TRIES + 1):
            started = time.monotonic()
            try:
                if database.connection is None:
                    outbox.set_plain_plans()
                self._record(block, now=self._clock())
                self.seconds = time.monotonic() - started
                return
            except (OperationalError, IntegrityError):
                if attempt == TRIES:
                    raise
                logger.warning("outcomes could not be written, trying again", exc_info=True)
                database.close_if_unusable_or_obsolete()
                time.sleep(0.2 * attempt)
