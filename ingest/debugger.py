"""Unify settings, Debugger, Incoming: what the sources of the space received, live."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_GET

from common.errors import InvalidError
from delivery.views.debugger import directions
from engine.pretty import as_code
from ingest.readable import readable
from ingest.received import (
    STATUSES,
    TYPES,
    Incoming,
    Received,
    find_received,
    issues_of,
    newer_than,
    newest_id,
    read_incoming,
    received_page,
)
from profiles.masking import masked
from profiles.models import USERS, ExternalId, Profile
from spaces.access import SpaceRequest, space_view
from spaces.context import route_url
from spaces.models import Source
from spaces.selectors import sources_of

TABS = (("pretty", "Pretty"), ("raw", "Raw"), ("violations", "Violations"), ("where", "Where it went"))


@space_view()
@require_GET
def debugger(request: SpaceRequest) -> HttpResponse:
    """The messages of all sources, or of one, with the chosen one beside them (W001, W023)."""
    wanted, problem = _wanted(request)
    after = request.GET.get("after", "")
    top = newest_id(request.space)
    page = received_page(wanted, after=after)
    here = reverse("ingest:debugger", kwargs={"space": request.space.slug})
    chosen = find_received(request.space, request.GET.get("message", ""))
    shown: dict[str, Any] = {
        "wanted": wanted,
        "problem": problem,
        "page": page,
        "rows": _rows(request, page.rows, wanted),
        "newest": top,
        "is_live": not after,
        "live_url": f"{route_url('ingest:debugger_new', request.space)}?{urlencode(wanted.query())}",
        "sources": list(sources_of(request.space)),
        "types": [(kind, kind.title()) for kind in TYPES],
        "statuses": [(status, status.title()) for status in STATUSES],
        "directions": directions(request, "incoming"),
        "clear_url": here,
    }
    if chosen is not None:
        shown |= _detail(request, chosen)
    return render(request, "ingest/debugger.html", shown)


@space_view()
@require_GET
def newer(request: SpaceRequest) -> HttpResponse:
    """Messages received since the request `since`; the headers say the newest and how many."""
    wanted, _problem = _wanted(request)
    since = request.GET.get("since", "")
    last = int(since) if since.isascii() and since.isdigit() and len(since) < 19 else newest_id(request.space)
    fresh, count, newest = newer_than(wanted, last)
    html = render_to_string("ingest/_debugger_rows.html", {"rows": _rows(request, fresh, wanted)}, request=request)
    return HttpResponse(html, headers={"X-Newest": str(newest), "X-Count": str(count)})


@space_view()
@require_GET
def message(request: SpaceRequest, message_id: str) -> HttpResponse:
    """One message: Pretty, Raw, Violations, Where it went. With htmx the pane, else a page."""
    found = find_received(request.space, message_id)
    if found is None:
        raise Http404("There is no such message in this space; it may be past its retention.")
    template = "ingest/_debugger_message.html" if request.htmx else "ingest/debugger_message.html"
    return render(request, template, _detail(request, found) | {"directions": directions(request, "incoming")})


def _wanted(request: SpaceRequest) -> tuple[Incoming, str]:
    try:
        return read_incoming(request.space, request.GET.get), ""
    except InvalidError as error:
        return Incoming(space=request.space), error.detail


def _rows(request: SpaceRequest, rows: list[Received], wanted: Incoming) -> list[dict[str, Any]]:
    here = reverse("ingest:debugger", kwargs={"space": request.space.slug})
    names = dict(Source.objects.in_space(request.space).values_list("pk", "name"))
    return [
        {
            "row": row,
            "source": names.get(row.source_id, "Deleted source"),
            "user": row.user if request.member.has_pii_access else masked(row.user),
            "url": f"{here}?{urlencode(wanted.query() | {'message': row.id})}",
            "pane_url": _pane_url(request, row),
        }
        for row in rows
    ]


def _pane_url(request: SpaceRequest, row: Received) -> str:
    return reverse("ingest:debugger_message", kwargs={"space": request.space.slug, "message_id": row.id})


def _detail(request: SpaceRequest, row: Received) -> dict[str, Any]:
    shows_pii = request.member.has_pii_access
    event = dict(row.event) if shows_pii else masked(dict(row.event))
    tab = request.GET.get("tab", "pretty")
    base = request.GET.copy()
    base["message"] = row.id
    is_list = request.resolver_match is not None and request.resolver_match.url_name == "debugger"
    tabs = []
    for key, label in TABS:
        base["tab"] = key
        pane_url = f"{_pane_url(request, row)}?tab={key}"
        url = f"?{base.urlencode()}" if is_list else pane_url
        tabs.append({"key": key, "label": label, "url": url, "pane_url": pane_url, "active": key == tab})
    profile = _profile(request, row)
    trace = row.message_id or ""
    return {
        "message": row,
        "tab": tab if tab in dict(TABS) else "pretty",
        "message_tabs": tabs,
        "event": event or readable(row.text, shows_pii=shows_pii),
        "code": as_code(event) if event else "",
        "violations": _violations(request, row),
        "profile": profile,
        "source": Source.objects.in_space(request.space).filter(pk=row.source_id).first(),
        "trace_url": f"{route_url('delivery:trace', request.space)}?{urlencode({'q': trace})}" if trace else "",
        "calls_url": f"{route_url('delivery:calls', request.space)}?{urlencode({'profile': profile.segment_id})}"
        if profile is not None
        else "",
        "event_text": json.dumps(event, indent=2, ensure_ascii=False),
    }


def _profile(request: SpaceRequest, row: Received) -> Profile | None:
    for id_type, key in (("user_id", "userId"), ("anonymous_id", "anonymousId")):
        value = row.event.get(key)
        if not value or row.status == "rejected":
            continue
        found = (
            ExternalId.objects.in_space(request.space)
            .filter(collection=USERS, id_type=id_type, value=str(value).lower())
            .first()
        )
        if found is not None:
            profile: Profile | None = Profile.objects.in_space(request.space).filter(id=found.profile_id).first()
            return profile
    return None


def _violations(request: SpaceRequest, row: Received) -> list[dict[str, str]]:
    found = []
    if row.code:
        found.append({"code": row.code, "detail": row.detail})
    for violation, id_type in issues_of(request.space, row):
        if violation != row.code:
            about = f" ({id_type})" if id_type else ""
            found.append({"code": violation, "detail": f"Identity resolution noted this of an identifier{about}."})
    return found
