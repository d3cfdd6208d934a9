"""Numbers of a version in a range of days (journeys.md §6)."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from journeys.models import EndReason
from journeys.selectors.analytics import RangeError, date_range, in_progress, journey_numbers, named_range
from journeys.tests.live_rows import Past, Stop, person, shop_version, walked
from spaces.models import Space
from tests.factories import NOW


@pytest.mark.parametrize(
    ("code", "first", "last"),
    [
        ("today", date(2026, 3, 15), date(2026, 3, 15)),
        ("yesterday", date(2026, 3, 14), date(2026, 3, 14)),
        ("7d", date(2026, 3, 9), date(2026, 3, 15)),
        ("30d", date(2026, 2, 14), date(2026, 3, 15)),
        ("90d", date(2025, 12, 16), date(2026, 3, 15)),
        ("180d", date(2025, 9, 17), date(2026, 3, 15)),
    ],
)
def test_named_ranges_are_whole_days_in_utc_and_include_today(code: str, first: date, last: date) -> None:
    found = date_range({"range": code}, NOW)

    assert (found.first, found.last) == (first, last)
    assert found.query == {"range": code}


def test_the_usual_range_is_thirty_days() -> None:
    assert date_range({}, NOW) == named_range("30d", NOW) == date_range({"range": "nonsense"}, NOW)


def test_a_custom_range_has_both_its_days() -> None:
    found = date_range({"range": "custom", "from": "2026-01-01", "to": "2026-01-31"}, NOW)

    assert (found.start, found.end) == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
    assert found.query == {"range": "custom", "from": "2026-01-01", "to": "2026-01-31"}


def test_a_custom_range_may_have_180_days_and_no_more() -> None:
    found = date_range({"range": "custom", "from": "2026-01-01", "to": "2026-06-29"}, NOW)

    assert (found.end - found.start).days == 180
    with pytest.raises(RangeError) as refused:
        date_range({"range": "custom", "from": "2026-01-01", "to": "2026-06-30"}, NOW)
    assert [error.path for error in refused.value.errors] == ["/to"]


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        ({"from": "", "to": ""}, ["/from", "/to"]),
        ({"from": "2026-02-30", "to": "2026-03-01"}, ["/from"]),
        ({"from": "2026-03-02", "to": "2026-03-01"}, ["/to"]),
        ({"from": "9999-12-30", "to": "9999-12-31"}, ["/to"]),
    ],
)
def test_a_custom_range_that_cannot_be_used_names_its_fields(given: dict[str, str], paths: list[str]) -> None:
    with pytest.raises(RangeError) as refused:
        date_range({"range": "custom", **given}, NOW)

    assert [error.path for error in refused.value.errors] == paths


def test_completed_and_exits_exclude_each_other(space: Space) -> None:
    version = shop_version(space)
    walked(version, person(space, "Ada"))
    walked(version, person(space, "Ben"), past=Past(completed=1, ended=2))
    walked(version, person(space, "Cleo"), past=Past(ended=2))
    walked(version, person(space, "Dan"), past=Past(ended=2, reason=EndReason.ARCHIVED))

    found = journey_numbers(version)

    assert (found.entered, found.completed, found.exited, found.ended, found.in_progress) == (4, 1, 1, 1, 1)


def test_a_range_counts_what_happened_in_it_and_in_progress_is_now(space: Space) -> None:
    version = shop_version(space)
    walked(version, person(space, "Ada"), past=Past(entered=-48))
    walked(version, person(space, "Ben"), Stop(step="order"), past=Past(entered=-48, completed=1))
    walked(version, person(space, "Cleo"), past=Past(entered=0, ended=1))

    found = journey_numbers(version, named_range("today", NOW))

    assert (found.entered, found.completed, found.exited, found.ended, found.in_progress) == (1, 1, 1, 0, 1)


def test_versions_without_anybody_have_nobody_in_progress(space: Space) -> None:
    version = shop_version(space)

    assert in_progress(space, [version]) == {version.pk: 0}
    assert in_progress(space, []) == {}
