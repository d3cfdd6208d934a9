"""Rules and history for pages, and the bell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Max, QuerySet

from alerts.models import TARGETS, AlertEvent, AlertRule, AlertSeen
from audiences.models import Audience
from destinations.models import Destination
from spaces.models import Source, Space, User
from traits.models import WarehouseSource

IN_THE_BELL = 8
MOST_COUNTED = 99


@dataclass(frozen=True, kw_only=True)
class Bell:
    """`unread` counts up to 99. `last_id` is the newest event, to mark everything as read."""

    unread: int
    events: list[AlertEvent]
    last_id: int


def rules_of(space: Space, **watched: Destination | Audience | WarehouseSource) -> QuerySet[AlertRule]:
    """Rules of the space, those that fire first; with `destination`, `audience` or `warehouse` those that watch it."""
    rows: QuerySet[AlertRule] = AlertRule.objects.in_space(space).select_related(*TARGETS, "created_by", "space")
    return rows.filter(**watched).order_by("-is_firing", "-id")


def watchable(space: Space) -> dict[str, QuerySet[Any]]:
    """By the names of TARGETS: what a rule of the space can watch, by name."""
    rows: dict[str, QuerySet[Any]] = {
        "destination": Destination.objects.in_space(space).filter(deleted_at=None),
        "audience": Audience.objects.in_space(space).live(),
        "source": Source.objects.in_space(space),
        "warehouse": WarehouseSource.objects.in_space(space),
    }
    return {name: found.order_by("name") for name, found in rows.items()}


def find_rule(space: Space, public_id: str) -> AlertRule | None:
    return rules_of(space).filter(public_id=public_id.replace("\0", "")).first()


def history_of(space: Space, **watched: Destination | Audience | WarehouseSource) -> QuerySet[AlertEvent]:
    """What fired and was resolved, of rules as in `rules_of`; newest first when paged by id."""
    rows: QuerySet[AlertEvent] = AlertEvent.objects.in_space(space).select_related("rule").prefetch_related("messages")
    return rows.filter(**{f"rule__{name}": one for name, one in watched.items()})


def bell(space: Space, user: User) -> Bell:
    seen = AlertSeen.objects.filter(space=space, user=user).values_list("event_id", flat=True).first() or 0
    rows = AlertEvent.objects.in_space(space).filter(in_app=True).order_by("-id")
    events = list(rows[:IN_THE_BELL])
    unread = rows.filter(pk__gt=seen)[:MOST_COUNTED].count()
    return Bell(unread=unread, events=events, last_id=events[0].pk if events else 0)


def mark_seen(space: Space, user: User) -> None:
    newest = AlertEvent.objects.in_space(space).aggregate(last=Max("pk"))["last"] or 0
    AlertSeen.objects.update_or_create(space=space, user=user, defaults={"event_id": newest})
