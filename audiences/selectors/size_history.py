"""Size over time, and how many came and went, from the hourly counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from audiences.models import Audience, MembershipCount

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RANGES = {
    "24h": ("24 hours", HOUR, 24),
    "7d": ("7 days", DAY, 7),
    "14d": ("14 days", DAY, 14),
    "30d": ("30 days", DAY, 30),
    "90d": ("90 days", DAY, 90),
}
DEFAULT_RANGE = "14d"
WIDTH, HEIGHT, FLOWS = 600.0, 150.0, 60.0


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """An hour or a day (UTC). `size` is that at its end (now in the last one); None before the audience existed."""

    start: datetime
    is_hour: bool
    size: int | None
    entered: int
    left: int

    @property
    def title(self) -> str:
        when = f"{self.start:%-d %b, %H:00}" if self.is_hour else f"{self.start:%a %-d %b %Y}"
        size = "" if self.size is None else f"{self.size:,} member{'' if self.size == 1 else 's'}, "
        return f"{when}: {size}{self.entered:,} entered, {self.left:,} left"


@dataclass(frozen=True, kw_only=True)
class SizeHistory:
    """`change` is the net change over the range. Coordinates of the drawing are properties."""

    key: str
    label: str
    buckets: Sequence[Bucket]
    entered: int
    left: int
    has_data: bool

    @property
    def change(self) -> int:
        return self.entered - self.left

    @property
    def top(self) -> int:
        """The highest value of the axis: 1, 2 or 5 times a power of ten."""
        return nice_ceiling(max([bucket.size or 0 for bucket in self.buckets], default=0))

    @property
    def middle(self) -> int:
        return self.top // 2

    @property
    def step(self) -> float:
        return WIDTH / max(1, len(self.buckets))

    @property
    def columns(self) -> list[tuple[str, str, Bucket]]:
        """(x, width, bucket) of each column, for the areas under the pointer."""
        return [(f"{index * self.step:.2f}", f"{self.step:.2f}", bucket) for index, bucket in enumerate(self.buckets)]

    @property
    def line(self) -> str:
        return " ".join(f"{x:.2f},{y:.2f}" for x, y in self._points())

    @property
    def area(self) -> str:
        points = self._points()
        if not points:
            return ""
        return f"{points[0][0]:.2f},{HEIGHT:.0f} {self.line} {points[-1][0]:.2f},{HEIGHT:.0f}"

    def _points(self) -> list[tuple[float, float]]:
        """Steps: a size holds from the beginning of its column to the end."""
        top = self.top or 1
        found: list[tuple[float, float]] = []
        for index, bucket in enumerate(self.buckets):
            if bucket.size is not None:
                y = HEIGHT - (bucket.size / top) * (HEIGHT - 6) - 1
                found += [(index * self.step, y), ((index + 1) * self.step, y)]
        return found

    @property
    def flows(self) -> list[tuple[str, str, str, str, str, str]]:
        """(x, width, y and height of what entered, y and height of what left): bars up and down from the middle."""
        most = max([max(bucket.entered, bucket.left) for bucket in self.buckets], default=0) or 1
        half = FLOWS / 2
        found = []
        for index, bucket in enumerate(self.buckets):
            up, down = (_bar(value, most, half - 2) for value in (bucket.entered, bucket.left))
            x, width = index * self.step + self.step * 0.18, self.step * 0.64
            found.append(
                (f"{x:.2f}", f"{width:.2f}", f"{half - up:.2f}", f"{up:.2f}", f"{half + 0.5:.2f}", f"{down:.2f}")
            )
        return found

    @property
    def axis(self) -> list[str]:
        """Up to six labels, evenly spaced, the first and the last included."""
        if not self.buckets:
            return []
        count = min(6, len(self.buckets))
        places = sorted({round(index * (len(self.buckets) - 1) / max(1, count - 1)) for index in range(count)})
        return [
            f"{self.buckets[place].start:%H:00}"
            if self.buckets[place].is_hour
            else f"{self.buckets[place].start:%-d %b}"
            for place in places
        ]


def _bar(value: int, most: int, room: float) -> float:
    return 0.0 if not value else max(1.0, value / most * room)


def nice_ceiling(value: int) -> int:
    """The next of 10, 20, 50, 100 … from `value` up."""
    step = 10
    while True:
        for factor in (1, 2, 5):
            if value <= step * factor:
                return step * factor
        step *= 10


def size_history(audience: Audience, *, range_key: str = DEFAULT_RANGE, now: datetime | None = None) -> SizeHistory:
    """The last hours or days up to now; by default two weeks, or the hours of an audience younger than two days."""
    now = (now or timezone.now()).astimezone(UTC)
    usual = "24h" if now - audience.created_at < 2 * DAY else DEFAULT_RANGE
    key = range_key if range_key in RANGES else usual
    label, span, count = RANGES[key]
    last = now.replace(minute=0, second=0, microsecond=0)
    last = last if span == HOUR else last.replace(hour=0)
    starts = [last - span * back for back in range(count - 1, -1, -1)]
    rows = MembershipCount.objects.filter(space_id=audience.space_id, audience_id=audience.pk).order_by("hour")
    before = rows.filter(hour__lt=starts[0]).last()
    inside = list(rows.filter(hour__gte=starts[0], hour__lte=now))
    size = before.size if before else None
    buckets = []
    for start in starts:
        own = [row for row in inside if start <= row.hour < start + span]
        if own:
            size = own[-1].size
        elif size is None and audience.created_at < start + span:
            size = 0
        buckets.append(
            Bucket(
                start=start,
                is_hour=span == HOUR,
                size=size,
                entered=sum(row.entered for row in own),
                left=sum(row.left for row in own),
            )
        )
    return SizeHistory(
        key=key,
        label=label,
        buckets=buckets,
        entered=sum(bucket.entered for bucket in buckets),
        left=sum(bucket.left for bucket in buckets),
        has_data=any(bucket.size is not None for bucket in buckets),
    )
