"""Operators on single values: types, missing values, dates (audiences-and-traits.md §3.4)."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from engine.conditions.instants import UNITS, micros_of, parse_instant
from engine.conditions.operators import apply

NOW = micros_of(datetime(2026, 3, 10, tzinfo=UTC))


@pytest.mark.parametrize(
    ("operator", "value", "operand", "holds"),
    [
        ("equals", 1, 1.0, True),
        ("equals", 1, "1", False),
        ("equals", 1, True, False),
        ("equals", "Ab", "ab", False),
        ("equals", 0.1, Decimal("0.1"), True),
        ("equals", Decimal("12345678901234567890.1"), Decimal("12345678901234567890.2"), False),
        ("equals", [1], [1], False),
        ("equals", None, "a", False),
        ("not_equals", None, "a", True),
        ("not_equals", 1, "1", True),
        ("less_than", 9, 10, True),
        ("less_than", "9", 10, False),
        ("less_than", True, 10, False),
        ("less_or_equal", 10**30, 10**30, True),
        ("greater_than", None, 0, False),
        ("greater_or_equal", 2.5, 2, True),
        ("any_of", "b", ["a", "b"], True),
        ("any_of", True, [1], False),
        ("any_of", None, ["a"], False),
        ("contains", "grün", "ü", True),
        ("contains", ["a", 5], 5, True),
        ("contains", ["ab"], "a", False),
        ("contains", 55, 5, False),
        ("not_contains", None, "a", True),
        ("contains_any_of", "shop", ["x", "op"], True),
        ("contains_any_of", ["x"], ["y", "x"], True),
        ("starts_with", "äb", "ä", True),
        ("ends_with", "ab", "a", False),
        ("exists", "", True, True),
        ("exists", None, True, False),
        ("exists", None, False, True),
        ("before_date", "2026-03-09T23:59:59Z", NOW, True),
        ("before_date", "2026-03-10T00:00:00Z", NOW, False),
        ("after_date", "2026-03-10T00:30:00+01:00", NOW, False),
        ("after_date", "2026-03-10", 0, False),
        ("equals", "a", None, False),
        ("not_equals", "a", None, True),
    ],
)
def test_verdicts(operator, value, operand, holds):
    assert apply(operator, value, operand, NOW).holds is holds


@pytest.mark.parametrize(
    ("operator", "value", "holds", "flips_at"),
    [
        ("within_last", "2026-03-09T00:00:00Z", True, NOW + 1),
        ("within_last", "2026-03-08T23:59:59Z", False, None),
        ("within_last", "2026-03-10T00:00:01Z", False, NOW + 1_000_000),
        ("within_next", "2026-03-10T00:00:00Z", True, NOW + 1),
        ("within_next", "2026-03-12T00:00:00Z", False, NOW + UNITS["days"]),
        ("before_last", "2026-03-09T00:00:00Z", False, NOW + 1),
        ("before_last", "2026-03-08T23:59:59.999999Z", True, None),
        ("after_next", "2026-03-11T00:00:00Z", False, None),
        ("after_next", "2026-03-11T00:00:01Z", True, NOW + 1_000_000),
        ("within_last", "yesterday", False, None),
        ("within_last", None, False, None),
    ],
)
def test_relative_dates_and_the_instant_they_change(operator, value, holds, flips_at):
    outcome = apply(operator, value, UNITS["days"], NOW)

    assert (outcome.holds, outcome.flips_at) == (holds, flips_at)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000),
        ("1970-01-01T01:00:00.5+01:00", 500_000),
        ("1970-01-01T00:00Z", 0),
        ("1970-01-01T00:00:00.1234569Z", 123_456),
        ("1969-12-31T19:00:00-0500", 0),
        ("1969-12-31T19:00:00-05", 0),
        ("9999-12-31T23:59:59-14:00", 253_402_351_199_000_000),
        ("2026-02-29T00:00:00Z", None),
        ("0000-01-01T00:00:00Z", None),
        ("2026-01-01T24:00:00Z", None),
        ("2026-01-01T00:00:60Z", None),
        ("2026-01-01T00:00:00", None),
        ("2026-01-01 00:00:00Z", None),
        ("2026-01-01T00:00:00Z\n", None),
        ("٢٠٢٦-01-01T00:00:00Z", None),
        ("", None),
    ],
)
def test_only_iso_timestamps_with_zone_are_instants(text, same):
    assert parse_instant(text) == same
