"""Rules and history for pages, and the bell."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Max, Q, QuerySet

from alerts.models import AlertEvent, AlertRule, AlertSeen
from audiences.models import Audience
from destinations.models import Destination
from spaces.models import Space, User

IN_THE_BELL = 8
MOST_COUNTED = 99


@dataclass(frozen=True, kw_only=True)
class Bell:
    """`unread` counts up to 99. `last_id` is the newest event, to mark everything as read."""

    unread: int
    events: list[AlertEvent]
    last_id: int


def rules_of(
    space: Space, *, destination: Destination | None = None, audience: Audience | None = None
) -> QuerySet[AlertRule]:
    """Rules of the space, those that fire first; with a destination or audience those that watch it."""
    rows: QuerySet[AlertRule] = AlertRule.objects.in_space(space).select_related(
        "destination", "audience", "source", "created_by", "space"
    )
    if destination is not None:
        rows = rows.filter(destination=destination)
    if audience is not None:
        rows = rows.filter(audience=audience)
    return rows.order_by("-is_firing", "-id")


def find_rule(space: Space, public_id: str) -> AlertRule | None:
    return rules_of(space).filter(public_id=public_id.replace("\0", "")).first()


def history_of(
    space: Space, *, destination: Destination | None = None, audience: Audience | None = None
) -> QuerySet[AlertEvent]:
    """What fired and was resolved; newest first when paged by id."""
    rows: QuerySet[AlertEvent] = AlertEvent.objects.in_space(space).select_related("rule").prefetch_related("messages")
    if destination is not None:
        rows = rows.filter(Q(rule__destination=destination))
    if audience is not None:
        rows = rows.filter(Q(rule__audience=audience))
    return rows


def bell(space: Space, user: User) -> Bell:
    seen = AlertSeen.objects.filter(space=space, user=user).values_list("event_id", flat=True).first() or 0
    rows = AlertEvent.objects.in_space(space).filter(in_app=True).order_by("-id")
    events = list(rows[:IN_THE_BELL])
    unread = rows.filter(pk__gt=seen)[:MOST_COUNTED].count()
    return Bell(unread=unread, events=events, last_id=events[0].pk if events else 0)


def mark_seen(space: Space, user: User) -> None:
    newest = AlertEvent.objects.in_space(space).aggregate(last=Max("pk"))["last"] or 0
    AlertSeen.objects.update_or_create(space=space, user=user, defaults={"event_id": newest})
