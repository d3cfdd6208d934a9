"""The Destinations tab of a source: what its events go to directly (F136)."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from common.errors import ProductError
from delivery.models import Connection
from delivery.selectors import books
from delivery.services import connections as services
from delivery.services.source_connections import connect_source, connections_of_source, others, refusals
from delivery.views.common import calls_url
from delivery.views.pages import equation
from destinations import catalog
from destinations.selectors import find_destination
from spaces.access import SpaceRequest, space_view
from spaces.models import Role, Source


@space_view(write=Role.ADMIN)
@require_http_methods(["GET", "POST"])
def destinations(request: SpaceRequest, source_id: str) -> HttpResponse:
    """The connected destinations with their books, and those that can be connected; a POST connects one."""
    source = find_source(request, source_id)
    problem, status = "", 200
    if request.method == "POST":
        destination = find_destination(request.space, request.POST.get("destination", "").replace("\x00", ""))
        if destination is None:
            problem, status = "Choose a destination of this space.", 422
        else:
            try:
                connect_source(source=source, destination=destination, actor=request.user)
            except ProductError as error:
                problem, status = error.detail, 422
            else:
                messages.success(request, f"{destination.name} is connected. It gets every event from now on.")
                return _back(source)
    return render(request, "delivery/source_destinations.html", _shown(request, source, problem), status=status)


@space_view(write=Role.ADMIN)
@require_POST
def toggle(request: SpaceRequest, source_id: str, connection_id: str) -> HttpResponse:
    source = find_source(request, source_id)
    is_enabled = request.POST.get("enabled") == "1"
    connection = find_source_connection(source, connection_id)
    services.set_enabled(connection=connection, is_enabled=is_enabled, actor=request.user)
    said = "gets events again" if is_enabled else "is paused: events that come meanwhile are not sent to it"
    messages.success(request, f"{connection.destination.name} {said}.")
    return _back(source)


@space_view(write=Role.ADMIN)
@require_POST
def disconnect(request: SpaceRequest, source_id: str, connection_id: str) -> HttpResponse:
    source = find_source(request, source_id)
    connection = find_source_connection(source, connection_id)
    services.remove(connection=connection, actor=request.user)
    messages.success(request, f"{connection.destination.name} was disconnected from {source.name}.")
    return _back(source)


def find_source(request: SpaceRequest, source_id: str) -> Source:
    rows = Source.objects.in_space(request.space).select_related("space__workspace")
    found: Source = get_object_or_404(rows, public_id=source_id)
    return found


def find_source_connection(source: Source, connection_id: str) -> Connection:
    found = next((one for one in connections_of_source(source) if one.public_id == connection_id), None)
    if found is None:
        raise Http404("This source has no such connection.")
    return found


def _back(source: Source) -> HttpResponse:
    return redirect("delivery:source_destinations", space=source.space.slug, source_id=source.public_id)


def _shown(request: SpaceRequest, source: Source, problem: str) -> dict[str, Any]:
    connected = connections_of_source(source)
    counted = books.books_of(connected)
    offered = others(source)
    refused = refusals(offered)
    return {
        "source": source,
        "problem": problem,
        "rows": [
            {
                "connection": one,
                "definition": catalog.definition(one.destination.connector),
                "status": books.connection_status(one),
                "books": counted[one.pk],
                "terms": equation(request, counted[one.pk], one),
                "url": calls_url(request, connection=one.public_id),
                "problem": _problem(one, counted[one.pk]),
            }
            for one in connected
        ],
        "others": [
            {"destination": one, "definition": catalog.definition(one.connector), "refusal": refused.get(one.pk, "")}
            for one in offered
        ],
    }


def _problem(connection: Connection, counted: books.Books) -> str:
    """Why nothing gets there, as far as its mappings are why; "" when something does, or may."""
    definition = catalog.definition(connection.destination.connector)
    if definition is None or not definition.actions:
        return ""
    if not connection.destination.mappings.filter(is_enabled=True).exists():
        return "None of its mappings is enabled, so every event is filtered."
    if counted.emitted and counted.filtered == counted.emitted:
        return "Every event was filtered so far. Does the trigger of a mapping take them?"
    return ""
