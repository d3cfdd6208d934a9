"""Unify settings, Debugger: the Engage sources and what they emitted, live."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from common.errors import InvalidError
from delivery.models import Connection, EngageSource, Outcome
from delivery.selectors.calls import CallRow, attempts_of, exchanges_of, get_call
from delivery.selectors.lookups import shows, told
from delivery.selectors.messages import STATUSES
from delivery.selectors.outgoing import (
    KINDS,
    Outgoing,
    newer_than,
    newest,
    outgoing_page,
    read_outgoing,
    source_rows,
    sources_by_destination,
)
from delivery.selectors.reasons import reason
from destinations import catalog
from engine.pretty import as_code
from profiles.models import Profile
from spaces.access import SpaceRequest, space_view
from spaces.context import route_url

TABS = (("pretty", "Pretty"), ("raw", "Raw"), ("violations", "Violations"), ("where", "Where it went"))
WORDS = {
    "identify": "Identify",
    "track": "Track",
    "page": "Page",
    "screen": "Screen",
    "group": "Group",
    "alias": "Alias",
    "add": "Add to list",
    "remove": "Remove from list",
    "in_flight": "In flight",
}


@space_view()
@require_GET
def debugger(request: SpaceRequest) -> HttpResponse:
    """The calls of all Engage sources, or of one, with the chosen one beside them."""
    wanted, problem = _wanted(request)
    top = newest()
    page = outgoing_page(wanted, after=request.GET.get("after", ""), before=request.GET.get("before", ""))
    is_first = not (request.GET.get("after") or request.GET.get("before"))
    chosen = request.GET.get("message", "")
    row = _find(request, int(chosen)) if chosen.isascii() and chosen.isdigit() and len(chosen) < 19 else None
    here = reverse("delivery:debugger", kwargs={"space": request.space.slug})
    sources = source_rows(request.space)
    shown = {
        "wanted": wanted,
        "problem": problem,
        "page": page,
        "rows": _rows(request, page.rows, wanted),
        "newest": page.rows[0].id if page.rows and is_first else top,
        "is_live": is_first,
        "live_url": f"{route_url('delivery:debugger_new', request.space)}?{urlencode(wanted.query())}",
        "sources": [
            {
                "row": one,
                "url": f"{here}?{urlencode(wanted.query() | {'source': one.source.public_id})}",
                "active": wanted.source is not None and wanted.source.pk == one.source.pk,
            }
            for one in sources
        ],
        "all_url": f"{here}?{urlencode({name: value for name, value in wanted.query().items() if name != 'source'})}",
        "destinations": [
            destination
            for one in sources
            if wanted.source is None or one.source.pk == wanted.source.pk
            for destination in one.destinations
        ],
        "kinds": [(kind, WORDS[kind]) for kind in KINDS],
        "statuses": [(status, WORDS.get(status, status.title())) for status in STATUSES],
        "directions": directions(request, "outgoing"),
        "clear_url": f"{here}?{urlencode({'source': wanted.source.public_id})}" if wanted.source else here,
    }
    if row is not None:
        shown |= _detail(request, row)
    return render(request, "delivery/debugger.html", shown)


@space_view()
@require_GET
def newer(request: SpaceRequest) -> HttpResponse:
    """Rows emitted since `since`; the headers say the newest id and how many they are."""
    wanted, _problem = _wanted(request)
    since = request.GET.get("since", "")
    last = int(since) if since.isascii() and since.isdigit() and len(since) < 19 else newest()
    fresh, has_more = newer_than(wanted, last)
    html = render_to_string(
        "delivery/_debugger_rows.html", {"rows": _rows(request, fresh, wanted), "space": request.space}, request=request
    )
    headers = {
        "X-Newest": str(fresh[0].id if fresh else last),
        "X-Count": str(len(fresh)),
        "X-More": "1" if has_more else "",
    }
    return HttpResponse(html, headers=headers)


@space_view()
@require_GET
def call(request: SpaceRequest, call_id: int) -> HttpResponse:
    """One call: Pretty, Raw, Violations, Where it went. With htmx the pane, else a page."""
    row = _find(request, call_id)
    if row is None:
        raise Http404("There is no such call in this space; it may be past its retention.")
    template = "delivery/_debugger_call.html" if request.htmx else "delivery/debugger_call.html"
    return render(request, template, _detail(request, row) | {"directions": directions(request, "outgoing")})


def directions(request: HttpRequest, current: str) -> list[dict[str, Any]]:
    """Incoming and outgoing; the former is the page of an app above."""
    space = request.space  # type: ignore[attr-defined]  # set by space_view
    entries = (("incoming", "Incoming", "ingest:debugger"), ("outgoing", "Outgoing", "delivery:debugger"))
    return [
        {"label": label, "url": url, "active": key == current}
        for key, label, route in entries
        if (url := route_url(route, space))
    ]


def _wanted(request: SpaceRequest) -> tuple[Outgoing, str]:
    try:
        return read_outgoing(request.space, request.GET.get), ""
    except InvalidError as error:
        return Outgoing(space=request.space), error.detail


def _find(request: SpaceRequest, call_id: int) -> CallRow | None:
    row = get_call(request.space, call_id)
    if row is not None and row.connection is None:
        row.connection = (
            Connection.objects.in_space(request.space)
            .select_related("destination", "space")
            .filter(pk=row.connection_id)
            .first()
        )
    return told(request.member, [row])[0] if row is not None else None


def _rows(request: SpaceRequest, rows: list[CallRow], wanted: Outgoing) -> list[dict[str, Any]]:
    show = shows(request.member)
    here = reverse("delivery:debugger", kwargs={"space": request.space.slug})
    found = []
    for row in told(request.member, rows):
        event = row.event
        found.append(
            {
                "row": row,
                "kind": WORDS.get(row.kind, row.kind.title()),
                "name": event.get("event", ""),
                "user": show(event.get("userId") or _email(event) or event.get("anonymousId") or ""),
                "url": f"{here}?{urlencode(wanted.query() | {'message': str(row.id)})}",
                "pane_url": reverse("delivery:debugger_call", kwargs={"space": request.space.slug, "call_id": row.id}),
            }
        )
    return found


def _email(event: dict[str, Any]) -> Any:
    traits = event.get("traits") or (event.get("context") or {}).get("traits") or {}
    return traits.get("email") if isinstance(traits, dict) else None


def _detail(request: SpaceRequest, row: CallRow) -> dict[str, Any]:
    show = shows(request.member)
    payload = show(row.event)
    tab = request.GET.get("tab", "pretty")
    pane_url = reverse("delivery:debugger_call", kwargs={"space": request.space.slug, "call_id": row.id})
    base = request.GET.copy()
    base["message"] = str(row.id)
    tabs = []
    for key, label in TABS:
        base["tab"] = key
        url = (
            f"?{base.urlencode()}"
            if request.resolver_match and request.resolver_match.url_name == "debugger"
            else (f"{pane_url}?tab={key}")
        )
        tabs.append({"key": key, "label": label, "url": url, "pane_url": f"{pane_url}?tab={key}", "active": key == tab})
    profile = Profile.objects.in_space(request.space).filter(id=row.profile_id).first()
    destination = row.connection.destination if row.connection else None
    definition = catalog.definition(destination.connector) if destination else None
    shown: dict[str, Any] = {
        "call": row,
        "tab": tab if tab in dict(TABS) else "pretty",
        "call_tabs": tabs,
        "payload": payload,
        "code": as_code(payload),
        "event_text": json.dumps(payload, indent=2, ensure_ascii=False),
        "violations": _violations(row),
        "profile": profile,
        "engage_source": _engage_source(request, row.connection),
        "tester_url": _tester_url(request, row) if definition is not None and definition.kind == "event" else "",
        "now": timezone.now(),
    }
    if shown["tab"] == "where":
        attempts = told(request.member, attempts_of(request.space, row.id))
        shown |= {
            "attempts": [{"attempt": one, "exchanges": show(exchanges_of(one.exchange))} for one in attempts],
            "exchanges": show(row.exchanges) if row.status != Outcome.FAILED or not attempts else [],
        }
    return shown


def _engage_source(request: SpaceRequest, connection: Connection | None) -> EngageSource | None:
    """The source that emitted a call; None for one that a source of the space sent on."""
    if connection is None or connection.is_direct:
        return None
    return sources_by_destination(request.space).get(connection.destination_id)


def _violations(row: CallRow) -> list[dict[str, str]]:
    """What was wrong with the call: why it was dropped or refused, and what its payload lacks."""
    found = []
    if row.status in {Outcome.FILTERED, Outcome.FAILED} and row.reason:
        why = reason(row.reason)
        found.append({"code": row.reason, "title": why.title, "detail": row.detail or "", "remedy": why.remedy})
    event = row.event
    if event and not (event.get("userId") or event.get("anonymousId")):
        found.append(
            {
                "code": "no_user_anon_id",
                "title": "The call names nobody",
                "detail": "It has neither userId nor anonymousId.",
                "remedy": "",
            }
        )
    return found


def _tester_url(request: SpaceRequest, row: CallRow) -> str:
    """Where the event is posted to be built and edited in the event tester."""
    if row.connection is None or row.connection.destination.deleted_at is not None:
        return ""
    return route_url("destinations:tester_send", request.space, destination_id=row.connection.destination.public_id)
