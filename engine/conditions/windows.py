"""When an event counts. Every window is half open: an event is in from its entry until just before its exit."""

from __future__ import annotations

from typing import NamedTuple

from engine.conditions.nodes import Before, Between, Count, Duration, Since, Window, Within


class Life(NamedTuple):
    """Microseconds since 1970; an `end` of None is never."""

    start: int
    end: int | None


def life_in(window: Window, timestamp: int) -> Life | None:
    """From when until when an event of that timestamp counts; None if it never does. Never before it happened."""
    if isinstance(window, Within):
        return Life(timestamp, timestamp + window.duration.micros)
    if isinstance(window, Between):
        return Life(timestamp + window.end.micros, timestamp + window.start.micros)
    if isinstance(window, Since) and timestamp < window.instant.micros:
        return None
    if isinstance(window, Before) and timestamp >= window.instant.micros:
        return None
    return Life(timestamp, None)


def life_within(life: Life | None, timestamp: int, look_back: Duration | None) -> Life | None:
    """The life of an event that counts only until it is `look_back` old (audiences-and-traits.md §4)."""
    if life is None or look_back is None:
        return life
    end = timestamp + look_back.micros
    end = end if life.end is None else min(end, life.end)
    return Life(life.start, end) if life.start < end else None


def satisfies(count: Count, found: int) -> bool:
    """Whether `found` events are as many as wanted."""
    match count.operator:
        case "gte":
            return found >= count.number
        case "gt":
            return found > count.number
        case "lte":
            return found <= count.number
        case "lt":
            return found < count.number
        case _:
            return found == count.number


def next_flip(count: Count, lives: list[Life], now: int) -> int | None:
    """The first instant after `now` at which the verdict on the count becomes another; None is never."""
    found = sum(1 for life in lives if life.start <= now and (life.end is None or now < life.end))
    today = satisfies(count, found)
    changes: dict[int, int] = {}
    for life in lives:
        if life.start > now:
            changes[life.start] = changes.get(life.start, 0) + 1
        if life.end is not None and life.end > now:
            changes[life.end] = changes.get(life.end, 0) - 1
    for instant in sorted(changes):
        found += changes[instant]
        if satisfies(count, found) is not today:
            return instant
    return None
