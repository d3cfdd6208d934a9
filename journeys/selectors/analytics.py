"""Numbers of a version over a range of days: its tiles, and how many joined each step (journeys.md §6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db.models import F, Q, Sum

from common.errors import FieldError, InvalidError
from journeys.models import JourneyVersion, RunCount
from spaces.models import Space

LONGEST_DAYS = 180
USUAL = "30d"
CUSTOM = "custom"
NAMED = {
    "today": ("Today", 1, 0),
    "yesterday": ("Yesterday", 1, 1),
    "7d": ("Last 7 days", 7, 0),
    "30d": ("Last 30 days", 30, 0),
    "90d": ("Last 90 days", 90, 0),
    "180d": ("Last 180 days", 180, 0),
}


class RangeError(InvalidError):
    """The dates of a custom range cannot be used; `errors` names the fields `/from` and `/to`."""


@dataclass(frozen=True, kw_only=True)
class DateRange:
    """Whole days in UTC, both included."""

    code: str
    first: date
    last: date

    @property
    def start(self) -> datetime:
        return datetime(self.first.year, self.first.month, self.first.day, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first instant after it."""
        return datetime(self.last.year, self.last.month, self.last.day, tzinfo=UTC) + timedelta(days=1)

    @property
    def label(self) -> str:
        if self.code in NAMED:
            return NAMED[self.code][0]
        return f"{self.first:%-d %b %Y} to {self.last:%-d %b %Y}"

    @property
    def query(self) -> dict[str, str]:
        """What names this range in an address."""
        if self.code in NAMED:
            return {"range": self.code}
        return {"range": CUSTOM, "from": self.first.isoformat(), "to": self.last.isoformat()}


def named_range(code: str, now: datetime) -> DateRange:
    """One of NAMED, which include today but for *Yesterday*; the usual one for any other code."""
    code = code if code in NAMED else USUAL
    _label, days, ago = NAMED[code]
    last = now.astimezone(UTC).date() - timedelta(days=ago)
    return DateRange(code=code, first=last - timedelta(days=days - 1), last=last)


def date_range(given: Mapping[str, str], now: datetime) -> DateRange:
    """`range`, and for `custom` also `from` and `to` (YYYY-MM-DD, at most 180 days, UTC). RangeError when unusable."""
    if given.get("range") != CUSTOM:
        return named_range(given.get("range", ""), now)
    errors: list[FieldError] = []
    days: dict[str, date] = {}
    for name in ("from", "to"):
        text = given.get(name, "")
        try:
            days[name] = date.fromisoformat(text)
        except ValueError:
            detail = f"{text[:20]} is not a day." if text else "Choose a day."
            errors.append(FieldError(path=f"/{name}", code="invalid", detail=f"{detail} Use the form 2026-01-31."))
    if not errors:
        if days["to"] < days["from"]:
            errors.append(FieldError(path="/to", code="before_from", detail="The last day is before the first one."))
        elif (days["to"] - days["from"]).days >= LONGEST_DAYS:
            detail = f"A range has at most {LONGEST_DAYS} days. Bring the days closer together."
            errors.append(FieldError(path="/to", code="too_long", detail=detail))
        elif days["to"].year >= date.max.year:
            errors.append(FieldError(path="/to", code="invalid", detail="That day is out of reach."))
    if errors:
        raise RangeError(" ".join(error.detail for error in errors), errors)
    return DateRange(code=CUSTOM, first=days["from"], last=days["to"])


@dataclass(frozen=True, kw_only=True)
class JourneyNumbers:
    """Runs of a version. `completed`, `exited` and `ended` exclude each other. `in_progress` is now, not in the range.

    `ended`: neither reached a final step nor left; merged or deleted people, replaced or archived versions.
    """

    entered: int
    completed: int
    exited: int
    ended: int
    in_progress: int


def journey_numbers(version: JourneyVersion, span: DateRange | None = None) -> JourneyNumbers:
    """Without a span since the version was published."""
    hours = Q() if span is None else Q(hour__gte=span.start, hour__lt=span.end)
    rows = RunCount.objects.filter(hours, space_id=version.journey.space_id, version_id=version.pk)
    found = rows.aggregate(came=Sum("entered"), done=Sum("completed"), gone=Sum("exited"), over=Sum("ended"))
    return JourneyNumbers(
        entered=found["came"] or 0,
        completed=found["done"] or 0,
        exited=found["gone"] or 0,
        ended=found["over"] or 0,
        in_progress=in_progress(version.journey.space, [version])[version.pk],
    )


def in_progress(space: Space, versions: Sequence[JourneyVersion]) -> dict[int, int]:
    """Runs that neither reached a final step nor ended, per version."""
    found = dict.fromkeys((version.pk for version in versions), 0)
    if found:
        rows = (
            RunCount.objects.filter(space_id=space.pk, version_id__in=found)
            .values("version_id")
            .annotate(number=Sum(F("entered") - F("completed") - F("exited") - F("ended")))
        )
        found |= {row["version_id"]: row["number"] for row in rows}
    return found


@dataclass(frozen=True, kw_only=True)
class Basis:
    """How shares are calculated: of the *previous* step or the *entry* step; all entries or unique people."""

    of_entry: bool = False
    unique: bool = False
    span: DateRange | None = None

    @property
    def hours(self) -> Q:
        """Of StepCount: the hours of the range."""
        return Q() if self.span is None else Q(hour__gte=self.span.start, hour__lt=self.span.end)
