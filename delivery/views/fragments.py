"""What pages of other apps show of delivery; each is also a page of its own."""

from __future__ import annotations

from datetime import timedelta

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from delivery.models import Connection
from delivery.selectors import books
from delivery.selectors.calls import CallFilter, call_page
from delivery.selectors.lookups import find_connection, told
from delivery.services.destination_traits import always_sent
from delivery.views.common import calls_url
from delivery.views.pages import equation
from destinations import catalog
from destinations.models import Destination
from spaces.access import SpaceRequest, space_view

RECENT = 20
DAY = timedelta(hours=24)


@space_view()
@require_GET
def connection_recent(request: SpaceRequest, connection_id: str) -> HttpResponse:
    """The last 20 calls of a connection, and its equation."""
    connection = find_connection(request.space, connection_id)
    counted = books.books_of([connection])[connection.pk]
    shown = {
        "connection": connection,
        "rows": told(request.member, call_page(request.space, CallFilter(connection=connection), size=RECENT).rows),
        "books": counted,
        "terms": equation(request, counted, connection),
        "all_url": calls_url(request, connection=connection.public_id),
    }
    template = "delivery/_connection_recent.html" if request.htmx else "delivery/connection_recent.html"
    return render(request, template, shown)


@space_view()
@require_GET
def destination_activity(request: SpaceRequest, destination_id: str) -> HttpResponse:
    """The last 24 hours of a destination: success, calls per hour, and its connections."""
    destination = _destination(request, destination_id)
    now = timezone.now()
    hours = books.per_hour(destination, now=now)
    connections = list(
        Connection.objects.in_space(request.space)
        .filter(destination=destination, removed_at=None)
        .select_related("destination", "space")
        .order_by("computation_name")
    )
    counted = books.books_of(connections)
    shown = {
        "destination": destination,
        "day": books.outcomes_since(destination, since=now - DAY),
        "values": [delivered for _hour, delivered, _failed in hours],
        "failures": [failed for _hour, _delivered, failed in hours],
        "titles": [
            f"{hour:%d %b %H:00} UTC: {delivered:,} delivered, {failed:,} failed" for hour, delivered, failed in hours
        ],
        "health": getattr(destination, "health", None),
        "now": now,
        "traits": [row["destination"] for row in always_sent(destination)],
        "is_list": is_list(destination),
        "rows": [
            {
                "connection": connection,
                "books": counted[connection.pk],
                "terms": equation(request, counted[connection.pk], connection),
                "url": calls_url(request, connection=connection.public_id),
            }
            for connection in connections
        ],
    }
    template = "delivery/_destination_activity.html" if request.htmx else "delivery/destination_activity.html"
    return render(request, template, shown)


@space_view()
@require_GET
def destination_success(request: SpaceRequest, destination_id: str) -> HttpResponse:
    """The share of delivered calls of the last 24 hours, for a cell of a table."""
    destination = _destination(request, destination_id)
    shown = {"destination": destination, "day": books.outcomes_since(destination, since=timezone.now() - DAY)}
    if not request.htmx:
        return redirect("delivery:destination", space=request.space.slug, destination_id=destination_id)
    return render(request, "delivery/_destination_success.html", shown)


def is_list(destination: Destination) -> bool:
    definition = catalog.definition(destination.connector)
    return definition is not None and definition.kind == "list"


def _destination(request: SpaceRequest, public_id: str) -> Destination:
    found: Destination | None = (
        Destination.objects.in_space(request.space)
        .filter(public_id=public_id, deleted_at=None)
        .select_related("health")
        .first()
    )
    if found is None:
        raise Http404("There is no such destination in this space.")
    return found
