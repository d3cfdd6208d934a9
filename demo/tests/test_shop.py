"""The history of the shop is told as if it were sent now, so that its events keep their days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from demo.services.shop import Size, history
from engine.events import read_instant

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_events_keep_their_days_when_their_clock_is_corrected() -> None:
    calls = list(history(size=Size(customers=60, visitors=10), now=NOW))

    corrected = [NOW - (read_instant(call["sentAt"]) - read_instant(call["timestamp"])) for call in calls]

    assert [read_instant(call["timestamp"]) for call in calls] == corrected
    assert min(corrected) < NOW - timedelta(days=25)
    assert max(corrected) <= NOW


def test_the_same_seed_and_day_give_the_same_shop() -> None:
    size = Size(customers=5, visitors=2)

    assert list(history(size=size, now=NOW)) == list(history(size=size, now=NOW))
