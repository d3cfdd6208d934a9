"""Messages: the list of calls, one call from its cause to its answer, and finding them by any identifier."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from delivery.models import Connection, Outcome
from delivery.selectors import books, tracing
from delivery.selectors.calls import CallFilter, CallRow, attempts_of, call_page, exchanges_of, get_call
from delivery.selectors.computations import facts_of
from delivery.selectors.lookups import KINDS, FilterError, call_filter, shows, told
from delivery.selectors.reasons import reason as reason_words
from delivery.services import single_calls
from delivery.services.calls import UnknownConnectorError, connector_of
from delivery.views.common import STATUS_WORDS, calls_url, kept_query, page_tabs
from destinations.config import load_config
from destinations.pipeline import plan
from profiles.masking import masked_identifier
from profiles.models import Event, Profile
from profiles.selectors.search import identifiers_of
from spaces.access import SpaceRequest, space_view

STAGES = {
    "destination": "Destination",
    "event_type": "Event type",
    "integrations": "Routing",
    "settings": "Settings",
    "trigger": "Trigger",
    "mapping": "Mapping and validation",
}
FILTERS = (
    "connection",
    "destination",
    "computation",
    "person",
    "profile",
    "message_id",
    "reason",
    "kind",
    "from",
    "to",
)


@space_view()
@require_GET
def calls(request: SpaceRequest) -> HttpResponse:
    """Calls by status, connection, person, message id, reason and time of emission, newest first."""
    query = request.GET
    error = ""
    try:
        wanted = call_filter(request.space, query.get)
    except FilterError as problem:
        wanted, error = CallFilter(), problem.detail
    page = call_page(request.space, wanted, after=query.get("after", ""), before=query.get("before", ""))
    connections = books.connections_of(request.space)
    kept = kept_query(request, FILTERS)
    items: list[dict[str, Any]] = [{"label": "All", "url": calls_url(request, **kept), "active": wanted.status is None}]
    # Counts are known of connections alone, not of people or times.
    is_counted = not set(kept) - {"connection"}
    chosen = [wanted.connection] if wanted.connection is not None else connections
    counted = books.total(list(books.books_of(chosen).values())) if is_counted else books.Books()
    for name, value in counted.parts():
        items.append(
            {
                "label": STATUS_WORDS[name],
                "url": calls_url(request, status=name, **kept),
                "active": wanted.status == name,
                "count": value if is_counted else None,
            }
        )
    shown = {
        "page": page,
        "rows": told(request.member, page.rows),
        "error": error,
        "wanted": wanted,
        "statuses": items,
        "tabs": page_tabs(request, "calls"),
        "connections": connections,
        "kinds": KINDS,
        "query": {name: query.get(name, "") for name in FILTERS},
        "has_filter": bool(kept) or wanted.status is not None,
    }
    return render(request, "delivery/call_list.html", shown)


@space_view()
@require_GET
def trace(request: SpaceRequest) -> HttpResponse:
    """`?q=` any messageId or identifier: the call itself, or what is about the event or person."""
    found = tracing.trace(request.space, request.GET.get("q", ""))
    if found.kind == "call" and len(found.calls) == 1:
        return redirect("delivery:call", space=request.space.slug, call_id=found.calls[0].id)
    shown = {
        "found": found,
        "rows": found.calls,
        "person": _person(request, found.profile),
        "events": [_event(request, event) for event in found.events],
        "event": _event(request, found.event) if found.event is not None else None,
        "tabs": page_tabs(request, "trace"),
        "more_url": calls_url(request, profile=found.profile.segment_id) if found.profile is not None else "",
    }
    return render(request, "delivery/trace.html", shown)


@space_view()
@require_GET
def call(request: SpaceRequest, call_id: int) -> HttpResponse:
    """One call: source event, profile, computation, call, mapping, and every attempt with request and response."""
    row = find_call(request, call_id)
    show = shows(request.member)
    profile: Profile | None = Profile.objects.in_space(request.space).filter(id=row.profile_id).first()
    connection = row.connection
    facts = None
    if connection is not None:
        facts = facts_of(space=request.space, computation_id=connection.computation_id, profile_id=row.profile_id)
    is_direct = connection is not None and connection.is_direct
    causes = (
        tracing.event_behind(request.space, row)
        if is_direct
        else tracing.causes(
            request.space,
            profile_id=row.profile_id,
            before=row.created_at,
            events=facts.events if facts is not None else None,
        )
    )
    attempts = [
        {"attempt": attempt, "exchanges": show(exchanges_of(attempt.exchange))}
        for attempt in told(request.member, attempts_of(request.space, row.id))
    ]
    # A failed last attempt is among the attempts already.
    last = show(row.exchanges) if row.status != Outcome.FAILED or not attempts else []
    shown = {
        "row": row,
        "reason": reason_words(row.reason) if row.reason else None,
        "payload": show(row.event),
        "value": "" if is_direct else _value(row),
        "attempts": attempts,
        "exchanges": last,
        "person": _person(request, profile),
        "connection": connection,
        "facts": facts,
        "causes": [_event(request, event) for event in causes],
        "stages": _stages(row, connection),
        "replays": tracing.replays_of(request.space, row.id),
        "is_dead": single_calls.is_dead(row),
        "can_retry": single_calls.can_retry(row),
        "can_cancel": single_calls.can_cancel(row),
        "tester_event": _tester_event(request, row, connection),
        "now": timezone.now(),
    }
    return render(request, "delivery/call.html", shown)


@space_view()
@require_POST
def call_retry(request: SpaceRequest, call_id: int) -> HttpResponse:
    """Try a waiting call at once, or queue a dead letter again."""
    row = find_call(request, call_id)
    messages.success(request, single_calls.retry_now(space=request.space, row=row, actor=request.user))
    return redirect("delivery:call", space=request.space.slug, call_id=call_id)


@space_view()
@require_POST
def call_cancel(request: SpaceRequest, call_id: int) -> HttpResponse:
    """Take a waiting call out of the outbox."""
    single_calls.cancel(space=request.space, row=find_call(request, call_id), actor=request.user)
    messages.success(request, "The call was canceled.")
    return redirect("delivery:call", space=request.space.slug, call_id=call_id)


def find_call(request: SpaceRequest, call_id: int) -> CallRow:
    row = get_call(request.space, call_id)
    if row is None:
        raise Http404("There is no such call in this space; it may be past its retention.")
    return told(request.member, [row])[0]


def _person(request: SpaceRequest, profile: Profile | None) -> dict[str, Any] | None:
    """The profile with its identifiers, as this member may see them."""
    if profile is None:
        return None
    rows = identifiers_of(request.space, [profile.id]).get(profile.id, [])
    show = (lambda _kind, value: value) if request.member.has_pii_access else masked_identifier
    return {
        "profile": profile,
        "url": reverse("profiles:detail", kwargs={"space": request.space.slug, "segment_id": profile.segment_id}),
        "calls_url": calls_url(request, profile=profile.segment_id),
        "identifiers": [{"type": row.id_type, "value": show(row.id_type, row.original)} for row in rows[:8]],
        "more": max(0, len(rows) - 8),
    }


def _event(request: SpaceRequest, event: Event) -> dict[str, Any]:
    show = shows(request.member)
    return {
        "event": event,
        "type": tracing.type_name(event),
        "payload": show(
            {
                "type": tracing.type_name(event),
                "messageId": event.message_id,
                **({"event" if event.type == 0 else "name": event.name} if event.name else {}),
                **({"userId": event.user_id} if event.user_id else {}),
                **({"anonymousId": event.anonymous_id} if event.anonymous_id else {}),
                "properties": event.properties,
                "timestamp": event.ts.isoformat(),
                "receivedAt": event.received_at.isoformat(),
            }
        ),
        "trace_url": reverse("delivery:trace", kwargs={"space": request.space.slug})
        + "?"
        + urlencode({"q": event.message_id}),
        "sample_reference": f"event:{event.message_id}",
    }


def _value(row: CallRow) -> str:
    """What the call says of the membership: entered, left, or "" where it says neither."""
    if row.is_entry:
        return "entered" if row.kind == "add" else "left"
    event = row.event
    context = event.get("context")
    personas = context.get("personas") if isinstance(context, dict) else None
    if not isinstance(personas, dict) or personas.get("computation_class") == "trait":
        return ""
    key = personas.get("computation_key")
    inside = event.get("traits") if row.kind == "identify" else event.get("properties")
    value = inside.get(key) if isinstance(inside, dict) else None
    return {"true": "entered", "false": "left"}.get(str(value).lower(), "")


def _stages(row: CallRow, connection: Connection | None) -> list[dict[str, str]]:
    """What the destination's settings and mappings, as they are now, make of the call."""
    if connection is None or row.is_entry:
        return []
    try:
        connector_of(connection.destination)
    except UnknownConnectorError:
        return []
    config = load_config(connection.destination_id)
    if config is None:
        return []
    planned = plan(config, row.event, now=timezone.now())
    return [
        {
            "title": STAGES.get(stage.name, stage.name),
            "state": "ok" if stage.ok else "failed",
            "text": stage.detail,
        }
        for stage in planned.stages
    ]


def _tester_event(request: SpaceRequest, row: CallRow, connection: Connection | None) -> str:
    """The payload for the event tester; "" where it cannot be opened there. Masked data would not be the same call."""
    if connection is None or row.is_entry or connection.destination.deleted_at is not None or not row.event:
        return ""
    return json.dumps(row.event, indent=2, ensure_ascii=False) if request.member.has_pii_access else ""
