"""The equation of every connection: emitted = delivered + filtered + failed + waiting + in flight + superseded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection as database
from django.db.models import Sum
from django.utils import timezone

from delivery.models import Connection, DeliveryCounter, ListSync, Outcome
from delivery.selectors.list_runs import in_run
from delivery.services import lists
from delivery.services.calls import UnknownConnectorError, connector_of
from destinations.models import Destination
from spaces.models import Space


@dataclass(kw_only=True, slots=True)
class Books:
    """Counts of calls. `waiting` and `in_flight` are counted in the outbox, not derived."""

    emitted: int = 0
    delivered: int = 0
    filtered: int = 0
    failed: int = 0
    superseded: int = 0
    waiting: int = 0
    in_flight: int = 0

    @property
    def unaccounted(self) -> int:
        """What is emitted and nowhere to be found: always 0."""
        known = self.delivered + self.filtered + self.failed + self.superseded + self.waiting + self.in_flight
        return self.emitted - known

    @property
    def finished(self) -> int:
        return self.delivered + self.failed

    @property
    def success_share(self) -> float | None:
        """Delivered of what was delivered or failed; None when there is neither."""
        return self.delivered / self.finished if self.finished else None

    def parts(self) -> list[tuple[str, int]]:
        """The right side of the equation, by status."""
        names = ("delivered", "filtered", "failed", "waiting", "in_flight", "superseded")
        return [(name, getattr(self, name)) for name in names]


def books_of(connections: Sequence[Connection]) -> dict[int, Books]:
    """The books of each connection, by its id."""
    found = {connection.pk: Books() for connection in connections}
    if not found:
        return found
    counted = (
        DeliveryCounter.objects.filter(connection_id__in=found, space_id__in={one.space_id for one in connections})
        .values_list("connection_id", "outcome")
        .annotate(total=Sum("calls"))
    )
    for connection_id, outcome, total in counted:
        setattr(found[connection_id], outcome, total)
    ids, destinations = list(found), list({one.destination_id for one in connections})
    with database.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT connection_id, count(*), count(*) FILTER (WHERE lease_until > %s) FROM delivery
            WHERE destination_id = ANY(%s) AND connection_id = ANY(%s) GROUP BY 1
            UNION ALL
            SELECT connection_id, count(*), count(*) FILTER (WHERE {in_run("c")}) FROM list_change c
            WHERE connection_id = ANY(%s) GROUP BY 1
            """,  # noqa: S608 - a fragment of this app
            [timezone.now(), destinations, ids, ids],
        )
        for connection_id, pending, in_flight in cursor.fetchall():
            found[connection_id].waiting += pending - in_flight
            found[connection_id].in_flight += in_flight
    return found


def total(all_books: Sequence[Books]) -> Books:
    names = ("emitted", "delivered", "filtered", "failed", "superseded", "waiting", "in_flight")
    return Books(**{name: sum(getattr(books, name) for books in all_books) for name in names})


def connections_of(space: Space) -> list[Connection]:
    """Every connection of the space with something to show: the live ones first, then the removed ones."""
    rows = Connection.objects.in_space(space).select_related("destination", "space")
    return sorted(rows, key=lambda one: (one.removed_at is not None, one.computation_name.lower(), one.pk))


def outcomes_since(destination: Destination, *, since: datetime) -> Books:
    """Finished calls of a destination since a moment (to ten minutes)."""
    books = Books()
    counted = (
        DeliveryCounter.objects.filter(
            space_id=destination.space_id, destination_id=destination.pk, bucket__gt=since - timedelta(minutes=10)
        )
        .values_list("outcome")
        .annotate(total=Sum("calls"))
    )
    for outcome, calls in counted:
        setattr(books, outcome, calls)
    return books


def per_hour(destination: Destination, *, now: datetime) -> list[tuple[datetime, int, int]]:
    """(hour, delivered, failed) for the last 24 hours, oldest first."""
    this = now.replace(minute=0, second=0, microsecond=0)
    hours = [this - timedelta(hours=back) for back in range(23, -1, -1)]
    counts: dict[tuple[datetime, str], int] = {}
    rows = DeliveryCounter.objects.filter(
        space_id=destination.space_id,
        destination_id=destination.pk,
        bucket__gte=hours[0],
        outcome__in=[Outcome.DELIVERED, Outcome.FAILED],
    ).values_list("bucket", "outcome", "calls")
    for bucket, outcome, calls in rows:
        key = (bucket.replace(minute=0), outcome)
        counts[key] = counts.get(key, 0) + calls
    return [(hour, counts.get((hour, Outcome.DELIVERED), 0), counts.get((hour, Outcome.FAILED), 0)) for hour in hours]


def connection_status(connection: Connection, *, is_computed: bool = True) -> str:
    """F153-F155: Connected, Disconnected or Disabled. `is_computed`: the computation itself is enabled."""
    takes, sends = connection.destination.is_enabled, connection.is_enabled and is_computed
    if takes and sends:
        return "Connected"
    return "Disconnected" if takes or sends else "Disabled"


def next_list_sync(connection: Connection) -> datetime | None:
    """When the collected changes of a list connection go out; None for event destinations."""
    try:
        is_list = connector_of(connection.destination).kind == "list"
    except UnknownConnectorError:
        return None
    return lists.next_sync_at(connection) if is_list else None


def last_list_sync(connection: Connection) -> ListSync | None:
    return connection.list_syncs.order_by("-id").first()
