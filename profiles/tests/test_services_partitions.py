from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection

from profiles.models import Event
from profiles.services.partitions import drop_partitions, make_partitions, shift, start_of
from spaces.models import Space
from tests.factories import make_event, make_profile

pytestmark = pytest.mark.django_db

NOW = datetime(2031, 11, 20, 13, 45, tzinfo=UTC)


def partition_of(event: Event) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM event WHERE id = %s", [event.id])
        return str(cursor.fetchone()[0])


def test_months_are_made_ahead_once() -> None:
    made = make_partitions(table="event", span="month", now=NOW, ahead=2)

    assert made == ["event_2031_11", "event_2031_12", "event_2032_01"]
    assert make_partitions(table="event", span="month", now=NOW, ahead=2) == []


def test_rows_of_the_default_partition_move_along(space: Space) -> None:
    event = make_event(profile=make_profile(space=space), received_at=NOW)
    assert partition_of(event) == "event_default"

    make_partitions(table="event", span="month", now=NOW, ahead=0)

    assert partition_of(event) == "event_2031_11"
    assert Event.objects.in_space(space).count() == 1


@pytest.mark.parametrize("table", ["delivery_log", "attempt"])
def test_days_are_made_and_dropped(table: str) -> None:
    make_partitions(table=table, span="day", now=NOW, ahead=1)

    dropped = drop_partitions(table=table, span="day", before=datetime(2031, 11, 21, tzinfo=UTC))

    assert dropped == [f"{table}_2031_11_20"]


def test_what_is_past_retention_is_dropped_and_the_rest_kept(space: Space) -> None:
    profile = make_profile(space=space)
    make_partitions(table="event", span="month", now=NOW, ahead=1)
    make_event(profile=profile, received_at=NOW)
    make_event(profile=profile, received_at=datetime(1999, 1, 1, tzinfo=UTC))
    kept = make_event(profile=profile, received_at=datetime(2031, 12, 1, tzinfo=UTC))

    dropped = drop_partitions(table="event", span="month", before=datetime(2031, 12, 1, tzinfo=UTC))

    assert "event_2031_11" in dropped
    assert [row.id for row in Event.objects.in_space(space)] == [kept.id]


def test_months_are_shifted_over_the_year() -> None:
    assert shift(start_of(NOW, "month"), "month", -36) == datetime(2028, 11, 1, tzinfo=UTC)
    assert shift(start_of(NOW, "month"), "month", 2) == datetime(2032, 1, 1, tzinfo=UTC)
