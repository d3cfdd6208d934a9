"""When a query runs by itself: never, every N hours, or at times of the day (audiences-and-traits.md §13). UTC."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from engine.conditions.errors import Problem

MOST_TIMES = 24
HOURS = (1, 2, 3, 4, 6, 8, 12, 24)
TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
DEFAULT: dict[str, Any] = {"every": "hours", "hours": 12}
_FORMS = '{"every": "hours", "hours": 12}, {"every": "day", "at": ["06:00"]} or {"every": "never"}'


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """`hours` from midnight on, or the minutes of the day in `times`; neither: only when a person asks."""

    hours: int = 0
    times: tuple[int, ...] = ()

    def next_after(self, now: datetime) -> datetime | None:
        """The first instant after `now` (aware) at which the query is due."""
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        minutes = self.times or (tuple(range(0, 24 * 60, self.hours * 60)) if self.hours else ())
        moments = [midnight + timedelta(days=day, minutes=minute) for day in (0, 1) for minute in sorted(minutes)]
        return next((moment for moment in moments if moment > now), None)

    def sentence(self) -> str:
        if self.times:
            words = [f"{minute // 60:02}:{minute % 60:02}" for minute in self.times]
            listed = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
            return f"Every day at {listed} UTC"
        if self.hours:
            return "Every hour" if self.hours == 1 else "Every day" if self.hours == 24 else f"Every {self.hours} hours"
        return "Only when somebody runs it"


def read_schedule(raw: Any) -> tuple[Schedule | None, list[Problem]]:  # noqa: PLR0911 - one a form and a mistake
    """The schedule of its JSON, or what is wrong with it."""
    every = raw.get("every") if isinstance(raw, Mapping) else None
    if every == "never":
        return Schedule(), []
    if every == "hours":
        hours = raw.get("hours")
        if type(hours) is int and hours in HOURS:
            return Schedule(hours=hours), []
        listed = ", ".join(str(one) for one in HOURS)
        return None, [_problem("/hours", f"The number of hours is one of {listed}.")]
    if every == "day":
        times = raw.get("at")
        if not isinstance(times, list) or not times or len(times) > MOST_TIMES:
            return None, [_problem("/at", f"Name one to {MOST_TIMES} times of the day, such as 06:00.")]
        wrong = [one for one in times if not isinstance(one, str) or not TIME.fullmatch(one)]
        if wrong:
            return None, [_problem("/at", f"{wrong[0]} is no time of the day. Write hours and minutes in UTC: 06:00.")]
        minutes = {int(one[:2]) * 60 + int(one[3:]) for one in times}
        if len({minute // 60 for minute in minutes}) < len(minutes):
            return None, [_problem("/at", "Name at most one time an hour.")]
        return Schedule(times=tuple(sorted(minutes))), []
    return None, [_problem("/every", f"A schedule is one of {_FORMS}.")]


def _problem(path: str, detail: str) -> Problem:
    return Problem(path=path, code="invalid_schedule", detail=detail)
