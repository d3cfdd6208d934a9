"""The home page of a space: what is still to set up, then how it is doing. Every figure is read when it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet, Sum
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from audiences.models import Audience, ComputeStatus
from delivery.models import SOURCE, Connection, Delivery, DeliveryCounter, ListChange, Outcome
from destinations.models import Destination
from engage_admin.problems import problems
from ingest.models import SourceCounter
from profiles.models import ACCOUNTS, USERS, Profile
from spaces.access import SpaceRequest, space_view
from spaces.context import route_url
from spaces.models import Source, Space

DAY = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One line of the checklist; `url` is empty where the page does not exist."""

    title: str
    text: str
    url: str
    action: str
    is_done: bool


@dataclass(frozen=True, kw_only=True)
class Tile:
    label: str
    value: int
    url: str
    note: str = ""


@space_view()
@require_GET
def home(request: SpaceRequest) -> HttpResponse:
    space, now = request.space, timezone.now()
    steps = setup_steps(space)
    hours = events_per_hour(space, now=now)
    audiences = list(audiences_of(space).order_by("-size", "name")[:6])
    shown = {
        "steps": steps,
        "next_step": next((step for step in steps if not step.is_done), None),
        "is_set_up": all(step.is_done for step in steps),
        "done": sum(step.is_done for step in steps),
        "tiles": tiles(space, now=now),
        "audiences": audiences,
        "audiences_url": route_url("audiences:list", space),
        "problems": problems(space, now=now, shows_pii=request.member.has_pii_access),
        "hours": hours,
        "has_activity": any(hours["values"]) or bool(audiences),
        "destinations": destination_rows(space, now=now),
    }
    return render(request, "spaces/home.html", shown)


def audiences_of(space: Space) -> QuerySet[Audience]:
    return Audience.objects.in_space(space).live()


def destinations_of(space: Space) -> QuerySet[Destination]:
    return Destination.objects.in_space(space).filter(deleted_at=None)


def setup_steps(space: Space) -> list[Step]:
    return [
        Step(
            title="Connect a source",
            text="Make a write key for your site, app or server.",
            url=route_url("spaces:sources", space),
            action="Sources",
            is_done=Source.objects.in_space(space).filter(is_enabled=True).exists(),
        ),
        Step(
            title="Receive events",
            text="Send a first event with curl or a Segment SDK; the source's page has the code.",
            url=route_url("spaces:sources", space),
            action="Send an event",
            is_done=SourceCounter.objects.filter(space_id=space.pk, stored__gt=0).exists(),
        ),
        Step(
            title="Build an audience",
            text="Say who belongs to it by what people did and what you know of them.",
            url=route_url("audiences:new", space),
            action="New audience",
            is_done=audiences_of(space).exists(),
        ),
        Step(
            title="Add a destination",
            text="Choose a tool from the catalog and send it a test event.",
            url=route_url("destinations:catalog", space),
            action="Add destination",
            is_done=destinations_of(space).exists(),
        ),
        Step(
            title="Send the audience there",
            text="Connect the two; members are delivered as they enter and leave.",
            url=route_url("audiences:list", space),
            action="Audiences",
            is_done=Connection.objects.filter(space=space, removed_at=None, is_enabled=True)
            .exclude(computation_class=SOURCE)
            .exists(),
        ),
    ]


def tiles(space: Space, *, now: datetime) -> list[Tile]:
    counted = SourceCounter.objects.filter(space_id=space.pk, hour__gt=now - DAY).aggregate(
        received=Sum("received"), rejected=Sum("rejected")
    )
    people = Profile.objects.in_space(space)
    waiting = Delivery.objects.in_space(space).count() + ListChange.objects.filter(space_id=space.pk).count()
    return [
        Tile(
            label="Events received, 24\N{NO-BREAK SPACE}h",
            value=counted["received"] or 0,
            url=route_url("spaces:sources", space),
            note=f"{counted['rejected'] or 0:,} rejected",
        ),
        Tile(
            label="Profiles",
            value=people.filter(collection=USERS).count(),
            url=route_url("profiles:list", space),
            note=f"{people.filter(collection=ACCOUNTS).count():,} accounts",
        ),
        Tile(
            label="Live audiences",
            value=audiences_of(space).filter(status=ComputeStatus.LIVE, is_enabled=True).count(),
            url=route_url("audiences:list", space),
            note=f"{audiences_of(space).count():,} in all",
        ),
        Tile(
            label="Delivered, 24\N{NO-BREAK SPACE}h",
            value=DeliveryCounter.objects.filter(
                space_id=space.pk, bucket__gt=now - DAY, outcome=Outcome.DELIVERED
            ).aggregate(total=Sum("calls"))["total"]
            or 0,
            url=route_url("delivery:overview", space),
            note=f"{waiting:,} waiting",
        ),
    ]


def destination_rows(space: Space, *, now: datetime) -> list[dict[str, Any]]:
    """How each destination did in the last 24 hours: `{"destination", "url", "delivered", "failed", "success"}`."""
    counted: dict[int, dict[str, int]] = {}
    rows = DeliveryCounter.objects.filter(space_id=space.pk, bucket__gt=now - DAY)
    for destination_id, outcome, calls in rows.values_list("destination_id", "outcome").annotate(total=Sum("calls")):
        counted.setdefault(destination_id, {})[outcome] = calls
    found = []
    for destination in destinations_of(space).order_by("name")[:20]:
        counts = counted.get(destination.pk, {})
        delivered, failed = counts.get(Outcome.DELIVERED, 0), counts.get(Outcome.FAILED, 0)
        found.append(
            {
                "destination": destination,
                "url": route_url("destinations:detail", space, destination_id=destination.public_id),
                "delivered": delivered,
                "failed": failed,
                "success": delivered / (delivered + failed) if delivered + failed else None,
            }
        )
    return found


def events_per_hour(space: Space, *, now: datetime) -> dict[str, list[object]]:
    """Events received in each of the last 24 hours: `{"values", "titles"}`."""
    last = now.replace(minute=0, second=0, microsecond=0)
    counts = {
        row["hour"]: row["received"]
        for row in SourceCounter.objects.filter(space_id=space.pk, hour__gt=last - DAY)
        .values("hour")
        .annotate(received=Sum("received"))
    }
    hours = [last - timedelta(hours=back) for back in range(23, -1, -1)]
    values: list[object] = [counts.get(hour, 0) for hour in hours]
    return {"values": values, "titles": [f"{hour:%d %b %H:00} UTC: {counts.get(hour, 0):,}" for hour in hours]}
