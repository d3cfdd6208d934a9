from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from delivery.services.breaker import THRESHOLD, pause_seconds
from delivery.services.retries import next_attempt

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(("attempts", "longest"), [(1, 1), (2, 2), (3, 4), (10, 512), (11, 600), (40, 600)])
def test_backoff_doubles_up_to_ten_minutes(attempts: int, longest: int) -> None:
    assert next_attempt(now=NOW, attempts=attempts, first_attempt_at=NOW, jitter=1.0) == NOW + timedelta(
        seconds=longest
    )
    assert next_attempt(now=NOW, attempts=attempts, first_attempt_at=NOW, jitter=0.0) == NOW


def test_asked_wait_is_kept() -> None:
    assert next_attempt(now=NOW, attempts=1, first_attempt_at=NOW, retry_after=90, jitter=1.0) == NOW + timedelta(
        seconds=90
    )


def test_no_attempt_after_four_hours() -> None:
    first = NOW - timedelta(hours=3, minutes=59, seconds=59)

    assert next_attempt(now=NOW, attempts=1, first_attempt_at=first, jitter=1.0) == NOW + timedelta(seconds=1)
    assert next_attempt(now=NOW, attempts=2, first_attempt_at=first, jitter=1.0) is None


@pytest.mark.parametrize(("failures", "seconds"), [(THRESHOLD - 1, 0), (THRESHOLD, 1), (THRESHOLD + 3, 8), (99, 60)])
def test_breaker_pauses_longer_and_longer(failures: int, seconds: int) -> None:
    assert pause_seconds(failures) == seconds
