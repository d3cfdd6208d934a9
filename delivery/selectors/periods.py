"""Periods of the overview: whole buckets, so that every number is that of a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from common.errors import FieldError, InvalidError
from delivery.services.tallies import LONG, SHORT, bucket_start

RANGES = {
    "10m": ("10 min", timedelta(minutes=10)),
    "1h": ("1 h", timedelta(hours=1)),
    "24h": ("24 h", timedelta(hours=24)),
    "7d": ("7 days", timedelta(days=7)),
    "14d": ("14 days", timedelta(days=14)),
}
USUAL = "24h"
CUSTOM = "custom"
LONGEST = timedelta(days=14)
STEP = timedelta(minutes=SHORT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """From `since` (included) to `until` (not): both at full five minutes. `key` is one of RANGES or "custom"."""

    key: str
    since: datetime
    until: datetime

    @property
    def length(self) -> timedelta:
        return self.until - self.since

    @property
    def previous(self) -> Period:
        """The equal period before."""
        return Period(key=CUSTOM, since=self.since - self.length, until=self.since)

    @property
    def query(self) -> dict[str, str]:
        """What names the period in a query string: always the same buckets, also later."""
        return {"from": _text(self.since), "to": _text(self.until)}

    @property
    def width(self) -> timedelta:
        """The width of a point of a sparkline: about fifty of them."""
        for minutes in (SHORT, LONG, 6 * LONG):
            if self.length <= 50 * timedelta(minutes=minutes):
                return timedelta(minutes=minutes)
        return timedelta(hours=12)

    def points(self) -> list[datetime]:
        """The starts of the points of a sparkline, in UTC."""
        start = bucket_start(self.since, int(self.width / timedelta(minutes=1)))
        found = []
        while start < self.until:
            found.append(start)
            start += self.width
        return found

    def parts(self) -> list[tuple[int, datetime, datetime]]:
        """(span of the buckets, from, to): hours where they are whole, five minutes at the ends."""
        first = bucket_start(self.since + timedelta(minutes=LONG) - STEP, LONG)
        last = bucket_start(self.until, LONG)
        if first >= last:
            return [(SHORT, self.since, self.until)]
        ends = [(SHORT, self.since, first), (LONG, first, last), (SHORT, last, self.until)]
        return [(span, start, end) for span, start, end in ends if start < end]


def read_period(given: Callable[[str, str], str], *, now: datetime) -> Period:
    """`range`, or `from` and `to` (ISO 8601, UTC unless they say otherwise) for a custom one.

    InvalidError names the parameter: no such range, unreadable or reversed times, more than 14 days.
    """
    since, until = given("from", "").strip(), given("to", "").strip()
    key = given("range", "").strip() or (CUSTOM if since or until else USUAL)
    if key == CUSTOM:
        return _custom(since, until, now=now)
    if key not in RANGES:
        raise InvalidError.at("/range", f"Use one of {', '.join(RANGES)}, or from and to.")
    end = bucket_start(now, SHORT) + STEP
    return Period(key=key, since=bucket_start(now - RANGES[key][1], SHORT), until=end)


def _custom(since: str, until: str, *, now: datetime) -> Period:
    errors: list[FieldError] = []
    times: list[datetime] = []
    for name, text in (("from", since), ("to", until)):
        moment = now if name == "to" and not text else _moment(text)
        if moment is None:
            detail = f"{name} has to be a time such as 2026-03-15T12:00Z."
            errors.append(FieldError(path=f"/{name}", code="invalid", detail=detail))
        else:
            times.append(moment)
    if errors:
        raise InvalidError(" ".join(error.detail for error in errors), errors)
    start, end = times
    if start >= end:
        raise InvalidError.at("/from", "The period has to begin before it ends.")
    period = Period(
        key=CUSTOM,
        since=bucket_start(start, SHORT),
        until=bucket_start(end + STEP - timedelta(microseconds=1), SHORT),
    )
    if period.length > LONGEST + STEP:
        raise InvalidError.at("/from", "A period may be 14 days long. Choose a later start or an earlier end.")
    return period


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    found = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    try:
        return found.astimezone(UTC) if 1970 <= found.year <= 9000 else None
    except OverflowError:
        return None


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


def ranges(query: Callable[[str], str], current: str) -> Sequence[dict[str, object]]:
    """The items of the range picker; `query` makes the address of a range."""
    return [{"label": label, "url": query(key), "active": key == current} for key, (label, _length) in RANGES.items()]
