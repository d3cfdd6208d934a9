from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from alerts.kinds import read
from alerts.models import AlertRule
from audiences.models import Audience, ComputeStatus, MembershipCount
from destinations.models import Destination
from ingest.models import SourceCounter
from spaces.models import Space
from tests.factories import make_source

MakeRule = Callable[..., AlertRule]
Counting = Callable[..., None]


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.mark.parametrize(
    ("delivered", "failed", "bad"), [(94, 6, True), (95, 5, False), (100, 0, False), (10, 9, None), (0, 0, None)]
)
def test_delivery_rate_fires_below_its_percentage(
    make_rule: MakeRule,
    count: Counting,
    destination: Destination,
    now: datetime,
    delivered: int,
    failed: int,
    bad: bool | None,
) -> None:
    """W093: the success rate; fewer calls than are needed leave the state as it is."""
    rule = make_rule("delivery_rate", destination=destination, threshold=95.0, hours=1, least=20)
    count(delivered=delivered, failed=failed)
    count(failed=500, at=now - timedelta(hours=2))

    reading = read(rule, now=now)

    assert reading.is_bad is bad
    assert reading.value == (delivered if bad is not None else None)


@pytest.mark.parametrize(
    ("before", "after", "direction", "bad"),
    [
        (100, 151, "both", True),
        (100, 149, "both", False),
        (100, 49, "both", True),
        (100, 0, "both", True),
        (100, 49, "up", False),
        (100, 151, "down", False),
        (19, 500, "both", None),
    ],
)
def test_volume_fires_on_spikes_and_drops(
    make_rule: MakeRule,
    count: Counting,
    audience: Audience,
    destination: Destination,
    now: datetime,
    before: int,
    after: int,
    direction: str,
    bad: bool | None,
) -> None:
    rule = make_rule(
        "volume", audience=audience, destination=destination, threshold=50.0, hours=24, least=20, direction=direction
    )
    count(emitted=before, at=now - timedelta(hours=30))
    count(emitted=after, at=now - timedelta(hours=2))

    assert read(rule, now=now).is_bad is bad


def test_volume_counts_only_what_it_watches(
    make_rule: MakeRule, count: Counting, audience: Audience, space: Space, now: datetime
) -> None:
    other = Audience.objects.create(space=space, key="others", name="Others", definition={})
    count(emitted=100, at=now - timedelta(hours=30))

    assert read(make_rule("volume", audience=audience), now=now).is_bad is True
    assert read(make_rule("volume", audience=other), now=now).is_bad is None


def test_silence_of_a_destination(
    make_rule: MakeRule, count: Counting, destination: Destination, now: datetime
) -> None:
    rule = make_rule("silence", destination=destination, hours=3)
    young = read(rule, now=now).is_bad
    AlertRule.objects.filter(pk=rule.pk).update(created_at=now - timedelta(hours=4))
    rule.refresh_from_db()

    silent = read(rule, now=now).is_bad
    count(delivered=1, at=now - timedelta(hours=1))
    heard = read(rule, now=now).is_bad

    assert (young, silent, heard) == (None, True, False)


def test_silence_and_volume_of_a_source(make_rule: MakeRule, space: Space, now: datetime) -> None:
    """W093: source volume."""
    source = make_source(space=space)
    hour = now.replace(minute=0, second=0, microsecond=0)
    rows = [(hour - timedelta(hours=30), 100), (hour - timedelta(hours=1), 30)]
    for at, received in rows:
        SourceCounter.objects.create(
            space_id=space.pk, source_id=source.pk, hour=at, received=received, stored=received
        )

    silence = read(make_rule("silence", source=source, hours=24), now=now)
    volume = read(make_rule("source_volume", source=source, threshold=50.0), now=now)

    assert silence.is_bad is False
    assert (volume.is_bad, volume.value) == (True, -70.0)


def test_paused_destination_fires_with_its_reason(make_rule: MakeRule, destination: Destination, now: datetime) -> None:
    rule = make_rule("destination_disabled")
    well = read(rule, now=now)
    Destination.objects.update(paused_at=now, pause_reason="The tool refuses the credentials.")

    paused = read(rule, now=now)

    assert well.is_bad is False
    assert (paused.is_bad, paused.sentence) == (True, "CRM was paused: The tool refuses the credentials.")


@pytest.mark.parametrize(("size", "threshold", "bad"), [(95, 4.0, True), (95, 5.0, False), (105, 4.0, True)])
def test_audience_size_change_beyond_a_percentage(
    make_rule: MakeRule, audience: Audience, now: datetime, size: int, threshold: float, bad: bool
) -> None:
    """W047: size 100 to 95 with a threshold of 4 % fires."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    moved: dict[str, Any] = {"entered": max(0, size - 100), "left": max(0, 100 - size), "size": size}
    MembershipCount.objects.create(space_id=audience.space_id, audience_id=audience.pk, hour=hour, **moved)
    Audience.objects.filter(pk=audience.pk).update(size=size)
    audience.refresh_from_db()

    reading = read(make_rule("audience_size", audience=audience, threshold=threshold), now=now)

    assert (reading.is_bad, reading.value) == (bad, size - 100)


def test_failed_computation_fires_until_it_computes(make_rule: MakeRule, audience: Audience, now: datetime) -> None:
    rule = make_rule("compute_failed")
    Audience.objects.update(status=ComputeStatus.FAILED, status_detail="Out of time.")

    failed = read(rule, now=now)
    Audience.objects.update(status=ComputeStatus.LIVE)
    live = read(rule, now=now)

    assert (failed.is_bad, failed.sentence) == (True, "Buyers failed to compute: Out of time.")
    assert live.is_bad is False
