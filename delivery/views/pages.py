"""Pages of delivery: the equation of every connection, its calls, the trace of one, dead letters."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from delivery.models import Connection, Outcome
from delivery.selectors import books
from delivery.selectors.calls import CallFilter, CallRow, attempts_of, call_page, exchanges_of, get_call
from delivery.selectors.lookups import FilterError, call_filter, find_connection, shows
from delivery.services.replay import replay
from profiles.models import Profile
from spaces.access import SpaceRequest, space_view

STATUS_WORDS = {
    "delivered": "Delivered",
    "filtered": "Filtered",
    "failed": "Failed",
    "waiting": "Waiting",
    "in_flight": "In flight",
    "superseded": "Superseded",
}


def calls_url(request: SpaceRequest, **query: str) -> str:
    url = reverse("delivery:calls", kwargs={"space": request.space.slug})
    return f"{url}?{urlencode(query)}" if query else url


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


@space_view()
@require_GET
def calls(request: SpaceRequest) -> HttpResponse:
    """Calls by status, connection, profile or message id."""
    return _call_list(request, title="Calls", template="delivery/call_list.html")


@space_view()
@require_GET
def dead_letters(request: SpaceRequest) -> HttpResponse:
    """Calls that failed for good, and sending them again."""
    return _call_list(request, title="Dead letters", template="delivery/dead_letters.html", status=Outcome.FAILED.value)


def _call_list(request: SpaceRequest, *, title: str, template: str, status: str = "") -> HttpResponse:
    query = request.GET
    error = ""
    try:
        wanted = call_filter(request.space, query.get)
    except FilterError as problem:
        wanted, error = CallFilter(), problem.detail
    if status:
        wanted = CallFilter(
            status=status,
            connection=wanted.connection,
            profile_id=wanted.profile_id,
            message_id=wanted.message_id,
        )
    page = call_page(request.space, wanted, after=query.get("after", ""), before=query.get("before", ""))
    connections = books.connections_of(request.space)
    chosen = [wanted.connection] if wanted.connection is not None else connections
    counted = books.total(list(books.books_of(chosen).values()))
    connection_query = {"connection": wanted.connection.public_id} if wanted.connection is not None else {}
    tabs = [{"label": "All", "url": calls_url(request, **connection_query), "active": wanted.status is None}]
    for name, value in counted.parts():
        url = calls_url(request, status=name, **connection_query)
        tabs.append({"label": STATUS_WORDS[name], "url": url, "active": wanted.status == name, "count": value})
    shown = {
        "title": title,
        "page": page,
        "rows": page.rows,
        "error": error,
        "wanted": wanted,
        "tabs": tabs,
        "connections": connections,
        "profile": query.get("profile", ""),
        "message_id": query.get("message_id", ""),
        "replayable": wanted.connection is None or wanted.connection.removed_at is None,
        "total": counted.failed if status else None,
    }
    return render(request, template, shown)


@space_view()
@require_GET
def call(request: SpaceRequest, call_id: int) -> HttpResponse:
    """The trace of one call: its payload, every attempt with request and response, and how it ended."""
    row = _row(request, call_id)
    show = shows(request.member)
    profile = Profile.objects.in_space(request.space).filter(id=row.profile_id).first()
    attempts = [
        {"attempt": attempt, "exchanges": show(exchanges_of(attempt.exchange))}
        for attempt in attempts_of(request.space, row.id)
    ]
    # A failed last attempt is among the attempts already.
    last = show(row.exchanges) if row.status != Outcome.FAILED or not attempts else []
    shown = {
        "row": row,
        "payload": show(row.event),
        "attempts": attempts,
        "exchanges": last,
        "profile": profile,
        "connection": row.connection,
        "can_replay": row.status == Outcome.FAILED and row.connection is not None and row.connection.removed_at is None,
    }
    return render(request, "delivery/call.html", shown)


@space_view()
@require_POST
def call_replay(request: SpaceRequest, call_id: int) -> HttpResponse:
    """Send one dead letter again."""
    row = _row(request, call_id)
    if replay(space=request.space, actor=request.user, call_ids=[row.id]):
        messages.success(request, "The call is queued again under its own message ID.")
    else:
        messages.info(request, "Nothing to send: this call is not a dead letter any more.")
    return redirect("delivery:call", space=request.space.slug, call_id=call_id)


@space_view()
@require_POST
def replay_all(request: SpaceRequest) -> HttpResponse:
    """Send all dead letters of a connection, or of the space, again."""
    wanted = request.POST.get("connection", "")
    connection = find_connection(request.space, wanted) if wanted else None
    count = replay(space=request.space, actor=request.user, connection=connection)
    messages.success(request, f"{count:,} calls are queued again." if count != 1 else "1 call is queued again.")
    return redirect("delivery:dead_letters", space=request.space.slug)


def _row(request: SpaceRequest, call_id: int) -> CallRow:
    row = get_call(request.space, call_id)
    if row is None:
        raise Http404("There is no such call in this space; it may be past its retention.")
    return row
