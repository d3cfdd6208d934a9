"""The books: counts per connection, ten minutes and outcome, written with what they count."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection as database

from delivery.models import Connection

BUCKET = timedelta(minutes=10)
EMITTED = "emitted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """`calls` more (or, negative, fewer) of an outcome. `outcome` is "emitted" or one of `Outcome`."""

    space_id: int
    connection_id: int
    destination_id: int
    outcome: str
    reason: str = ""
    calls: int = 1

    @classmethod
    def of(cls, connection: Connection, outcome: str, *, reason: str = "", calls: int = 1) -> Count:
        return cls(
            space_id=connection.space_id,
            connection_id=connection.pk,
            destination_id=connection.destination_id,
            outcome=outcome,
            reason=reason,
            calls=calls,
        )


def bucket_of(moment: datetime) -> datetime:
    return moment.replace(minute=moment.minute // 10 * 10, second=0, microsecond=0)


def add(counts: Iterable[Count], *, now: datetime) -> None:
    """Add to the bucket of `now`. Rows are touched in one order, so that two writers cannot deadlock."""
    sums: dict[tuple[int, str, str, int, int], int] = {}
    for count in counts:
        key = (count.connection_id, count.outcome, count.reason, count.space_id, count.destination_id)
        sums[key] = sums.get(key, 0) + count.calls
    ordered = sorted((key, calls) for key, calls in sums.items() if calls)
    if not ordered:
        return
    bucket = bucket_of(now)
    values = ", ".join(["(%s, %s, %s, %s, %s, %s, %s)"] * len(ordered))
    params: list[int | str | datetime] = []
    for (connection_id, outcome, reason, space_id, destination_id), calls in ordered:
        params += [space_id, connection_id, destination_id, bucket, outcome, reason, calls]
    with database.cursor() as cursor:
        cursor.execute(
            "INSERT INTO delivery_counter (space_id, connection_id, destination_id, bucket, outcome, reason, calls) "  # noqa: S608
            f"VALUES {values} ON CONFLICT (space_id, connection_id, bucket, outcome, reason) "
            "DO UPDATE SET calls = delivery_counter.calls + excluded.calls",
            params,
        )
