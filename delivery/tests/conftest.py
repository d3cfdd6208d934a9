from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from common.http import CurlPool
from delivery.services.worker import Worker
from delivery.tests.sinks import Sink, serving


@pytest.fixture
def sink() -> Iterator[Sink]:
    with serving() as opened:
        yield opened


class Clock:
    """Real time, moved on by `advance`."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def __call__(self) -> datetime:
        return timezone.now() + self.offset

    def advance(self, **amount: float) -> None:
        self.offset += timedelta(**amount)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def run_worker(clock: Clock) -> Iterator[Callable[..., bool]]:
    with CurlPool(concurrency=100) as pool:

        def run(seconds: float = 20.0) -> bool:
            return Worker(pool=pool, clock=clock).run(seconds=seconds)

        yield run
