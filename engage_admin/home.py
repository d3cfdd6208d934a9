"""The home page of a space: what is still to set up, then how it is doing. Every figure is read when it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet, Sum
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from audiences.models import Audience, ComputeStatus
from delivery.models import Connection, Delivery, DeliveryLog, Outcome
from destinations.models import Destination
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
    space = request.space
    steps = setup_steps(space)
    hours = events_per_hour(space, now=timezone.now())
    audiences = list(audiences_of(space).order_by("-size", "name")[:6])
    shown = {
        "steps": steps,
        "next_step": next((step for step in steps if not step.is_done), None),
        "has_activity": any(hours["values"]) or bool(audiences),
        "is_set_up": all(step.is_done for step in steps),
        "done": sum(step.is_done for step in steps),
        "tiles": tiles(space, now=timezone.now()),
        "audiences": audiences,
        "audiences_url": route_url("audiences:list", space),
        "problems": problems(space),
        "hours": hours,
    }
    return render(request, "spaces/home.html", shown)


def audiences_of(space: Space) -> QuerySet[Audience]:
    return Audience.objects.in_space(space).filter(deleted_at=None)


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
            url=route_url("audiences:new", space) or route_url("audiences:list", space),
            action="New audience",
            is_done=audiences_of(space).exists(),
        ),
        Step(
            title="Add a destination",
            text="Choose a tool from the catalog and send it a test event.",
            url=route_url("destinations:list", space),
            action="Destinations",
            is_done=destinations_of(space).exists(),
        ),
        Step(
            title="Send the audience there",
            text="Connect the two; members are delivered as they enter and leave.",
            url=route_url("audiences:list", space),
            action="Audiences",
            is_done=Connection.objects.filter(space=space, removed_at=None, is_enabled=True).exists(),
        ),
    ]


def tiles(space: Space, *, now: datetime) -> list[Tile]:
    counted = SourceCounter.objects.filter(space_id=space.pk, hour__gt=now - DAY).aggregate(
        received=Sum("received"), rejected=Sum("rejected")
    )
    people = Profile.objects.in_space(space)
    finished = DeliveryLog.objects.in_space(space).filter(finished_at__gt=now - DAY)
    return [
        Tile(
            label="Events received, 24 h",
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
            label="Delivered, 24 h",
            value=finished.filter(outcome=Outcome.DELIVERED).count(),
            url=route_url("delivery:overview", space),
            note=f"{Delivery.objects.in_space(space).count():,} waiting",
        ),
    ]


def problems(space: Space) -> list[dict[str, str]]:
    """What needs somebody: failed audiences, calls that failed for good in the last day. `{"title", "text", "url"}`."""
    found = [
        {
            "title": f"{audience.name} could not be computed",
            "text": audience.status_detail,
            "url": route_url("audiences:list", space),
        }
        for audience in audiences_of(space).filter(status=ComputeStatus.FAILED)[:5]
    ]
    failed = DeliveryLog.objects.in_space(space).filter(finished_at__gt=timezone.now() - DAY, outcome=Outcome.FAILED)
    if count := failed.count():
        found.append(
            {
                "title": f"{count:,} deliveries failed for good in the last 24 hours",
                "text": "They are kept as dead letters and can be sent again.",
                "url": route_url("delivery:dead_letters", space) or route_url("delivery:overview", space),
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
