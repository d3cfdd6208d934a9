"""The equation of every connection."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from delivery.models import Connection
from delivery.selectors import books
from delivery.views.common import STATUS_WORDS, calls_url
from spaces.access import SpaceRequest, space_view


def equation(request: SpaceRequest, found: books.Books, connection: Connection | None = None) -> list[dict[str, Any]]:
    """The terms of the right side, each with the list that it counts."""
    query = {"connection": connection.public_id} if connection is not None else {}
    return [
        {"label": STATUS_WORDS[name], "status": name, "value": value, "url": calls_url(request, status=name, **query)}
        for name, value in found.parts()
    ]


@space_view()
@require_GET
def overview(request: SpaceRequest) -> HttpResponse:
    """Every connection with its equation; with htmx only the numbers."""
    connections = books.connections_of(request.space)
    counted = books.books_of(connections)
    rows = [
        {
            "connection": connection,
            "books": counted[connection.pk],
            "status": books.connection_status(connection),
            "terms": equation(request, counted[connection.pk], connection),
            "url": calls_url(request, connection=connection.public_id),
            "next_sync": books.next_list_sync(connection) if connection.removed_at is None else None,
        }
        for connection in connections
        if connection.removed_at is None or counted[connection.pk].emitted
    ]
    whole = books.total(list(counted.values()))
    shown = {
        "rows": rows,
        "whole": whole,
        "terms": equation(request, whole),
        "all_url": calls_url(request),
        "dead_letters": whole.failed,
    }
    return render(request, "delivery/_overview.html" if request.htmx else "delivery/books.html", shown)
