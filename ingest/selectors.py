"""What came in: counts of the sources and what was rejected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet, Sum

from ingest.models import RejectedMessage, SourceCounter, UnknownWriteKey
from spaces.models import Source, Space

DAY = timedelta(hours=24)
COLUMNS = ("received", "stored", "duplicate", "rejected")


@dataclass(frozen=True, kw_only=True)
class Counts:
    """received = stored + duplicate + rejected."""

    received: int = 0
    stored: int = 0
    duplicate: int = 0
    rejected: int = 0


def counts_by_source(space: Space, *, now: datetime) -> dict[int, Counts]:
    """The last 24 hours, by source; counted by the hour, hence the running hour and the 23 before it."""
    rows = (
        SourceCounter.objects.filter(space_id=space.pk, hour__gt=now - DAY)
        .values("source_id")
        .annotate(*(Sum(name) for name in COLUMNS))
        .values_list("source_id", *(f"{name}__sum" for name in COLUMNS))
    )
    return {key: Counts(received=r, stored=s, duplicate=d, rejected=x) for key, r, s, d, x in rows}


def counts_by_hour(source: Source, *, now: datetime) -> list[tuple[datetime, int]]:
    """Messages received in each of the last 24 hours, oldest first."""
    last = now.replace(minute=0, second=0, microsecond=0)
    rows = SourceCounter.objects.filter(space_id=source.space_id, source_id=source.pk, hour__gt=last - DAY)
    found = dict(rows.values_list("hour", "received"))
    hours = [last - timedelta(hours=back) for back in range(23, -1, -1)]
    return [(hour, found.get(hour, 0)) for hour in hours]


def rejected_of(source: Source) -> QuerySet[RejectedMessage]:
    return RejectedMessage.objects.filter(space_id=source.space_id, source_id=source.pk)


def unknown_write_keys(*, now: datetime) -> list[UnknownWriteKey]:
    """Write keys named in the last 24 hours that no source has, the most used first. Only prefixes are kept."""
    since = now - timedelta(hours=24)
    return list(UnknownWriteKey.objects.filter(last_seen_at__gte=since).order_by("-requests")[:5])
