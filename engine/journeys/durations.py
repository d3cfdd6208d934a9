"""Durations as a journey writes them, in words and as a `timedelta`."""

from __future__ import annotations

from datetime import timedelta

from engine.conditions.nodes import Duration


def span_of(duration: Duration) -> timedelta:
    """How long it is."""
    return timedelta(microseconds=duration.micros)


def span_or_none(duration: Duration | None) -> timedelta | None:
    return None if duration is None else span_of(duration)


def as_json(duration: Duration | None) -> dict[str, int] | None:
    """`{"days": 7}`, as it was written."""
    return None if duration is None else {duration.unit: duration.amount}


def in_words(duration: Duration) -> str:
    """Such as: 1 hour, 7 days."""
    return f"{duration.amount} {duration.unit[:-1] if duration.amount == 1 else duration.unit}"
