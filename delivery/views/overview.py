"""The Delivery Overview: of the space, of a destination, of a computation; the messages behind its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from common.errors import InvalidError
from delivery.models import SOURCE, Connection
from delivery.selectors import overview_scope
from delivery.selectors.calls import CallRow
from delivery.selectors.event_delivery import event_delivery, samples, sent_and_said
from delivery.selectors.lookups import shows, told
from delivery.selectors.messages import behind, message_page
from delivery.selectors.overview import (
    DELIVERED,
    DESTINATION,
    DISCARDS,
    PENDING,
    RECEIVED,
    STEPS,
    SUPERSEDED,
    Figures,
    Line,
    Overview,
    by_destination,
    overview,
)
from delivery.selectors.overview_scope import Choice, read_choice, read_step
from delivery.selectors.periods import RANGES
from delivery.selectors.reasons import reason
from delivery.services import engage_sources
from destinations import catalog
from destinations.models import Destination
from destinations.selectors import find_destination
from destinations.views.common import page_context
from spaces.access import SpaceRequest, space_view
from spaces.context import route_url

ON_THE_LINE = (RECEIVED, "source", DESTINATION, PENDING, "failed", DELIVERED)
# For the columns of a table; the pipeline has the whole names.
SHORT_NAMES = {
    RECEIVED: "Events",
    "source": "Filtered at source",
    DESTINATION: "At destination",
    PENDING: "Pending",
    "failed": "Failed",
    DELIVERED: "Delivered",
    SUPERSEDED: "Superseded",
}
PENDING_WORDS = {
    "waiting": "Not tried yet",
    "retrying": "To be tried again",
    "in_flight": "On the way",
}


@space_view()
@require_GET
def space_overview(request: SpaceRequest) -> HttpResponse:
    """All destinations of the space, or the one that is picked."""
    engage_sources.sources_of(request.space)
    return _answer(request, "delivery/overview.html", {})


@space_view()
@require_GET
def destination_overview(request: SpaceRequest, destination_id: str) -> HttpResponse:
    """The Delivery Overview tab of a destination."""
    destination = _destination(request, destination_id)
    frame = page_context(request, destination, "delivery") | {"sections": _sections(request, destination, "overview")}
    return _answer(request, "delivery/overview_destination.html", frame, destination=destination)


def _computation_url(request: SpaceRequest, computation_id: str) -> str:
    """The page of an audience or a source; "" for what has none of its own."""
    if computation_id.startswith("aud_"):
        return route_url("audiences:overview", request.space, audience_id=computation_id)
    rows = Connection.objects.in_space(request.space).filter(computation_id=computation_id, computation_class=SOURCE)
    return route_url("delivery:source_destinations", request.space, source_id=computation_id) if rows.exists() else ""


@space_view()
@require_GET
def computation_overview(request: SpaceRequest, computation_id: str) -> HttpResponse:
    """The Delivery Overview of an audience, trait or journey step: audience (…), Delivery Overview."""
    names = dict(overview_scope.computations(request.space))
    if computation_id not in names:
        return render(request, "delivery/overview_computation.html", {"is_unconnected": True})
    frame = {
        "computation_name": names[computation_id],
        "computation_url": _computation_url(request, computation_id),
    }
    return _answer(request, "delivery/overview_computation.html", frame, computation=computation_id)


@space_view()
@require_GET
def destination_events(request: SpaceRequest, destination_id: str) -> HttpResponse:
    """The Event Delivery tab: delivered, not delivered, latency, errors."""
    destination = _destination(request, destination_id)
    choice, problem = _choice(request, destination=destination)
    found = event_delivery(choice.scope)
    told(request.member, [error.sample for error in found.errors if error.sample is not None])
    show = shows(request.member)
    errors = []
    for error in found.errors:
        sent, said = sent_and_said(error.sample)
        code = ("retrying" if error.is_retried else error.reason.code) or ""
        errors.append(
            {
                "error": error,
                "sent": show(error.sample.event) if error.sample else None,
                "request": show(sent),
                "response": show(said),
                "url": _messages_url(request, choice, PENDING if error.is_retried else "failed", code),
            }
        )
    shown = _pickers(request, choice) | {
        **page_context(request, destination, "delivery"),
        "sections": _sections(request, destination, "events"),
        "found": found,
        "errors": errors,
        "problem": problem,
        "delivered_url": _messages_url(request, choice, DELIVERED),
        "failed_url": _messages_url(request, choice, "failed"),
        "retrying_url": _messages_url(request, choice, PENDING, "retrying"),
        "retrying": found.figures.now.pending.retrying,
        "titles": _titles(found.figures.points),
    }
    return render(request, "delivery/event_delivery.html", shown)


@space_view()
@require_GET
def messages(request: SpaceRequest) -> HttpResponse:
    """The messages that a number of the overview counts; the number is the list's total."""
    choice, problem = _choice(request)
    try:
        step, code = read_step(request.GET.get)
    except InvalidError as error:
        step, code, problem = RECEIVED, None, problem or error.detail
    figures = overview(choice.scope).now
    total = figures.by_reason[step, code] if code is not None else figures.steps[step]
    page = message_page(
        behind(choice.scope, step, code), after=request.GET.get("after", ""), before=request.GET.get("before", "")
    )
    shown = {
        "choice": choice,
        "problem": problem,
        "step": STEPS[step],
        "code": code or "",
        "reason": _words(step, code),
        "page": page,
        "rows": told(request.member, page.rows),
        "total": total,
        "back_url": _overview_url(request, choice),
    }
    return render(request, "delivery/overview_messages.html", shown)


def _words(step: str, code: str | None) -> str:
    """The words of a reason in the heading of its list; "" for all of a step."""
    if code is None:
        return ""
    return PENDING_WORDS.get(code, "") if step == PENDING else reason(code).title


def _answer(
    request: SpaceRequest,
    template: str,
    frame: dict[str, Any],
    *,
    destination: Destination | None = None,
    computation: str = "",
) -> HttpResponse:
    """The page; for a live region only the figures."""
    choice, problem = _choice(request, destination=destination, computation=computation)
    found = overview(choice.scope)
    live = request.headers.get("X-Live") == "true"
    shown = (
        frame
        | _pickers(request, choice, is_destination_fixed=destination is not None)
        | {"problem": problem, "is_empty": not choice.scope.connections, "live_url": request.get_full_path()}
        | _figures(request, choice, found)
    )
    return render(request, "delivery/_overview_figures.html" if live else template, shown)


def _choice(
    request: SpaceRequest, *, destination: Destination | None = None, computation: str = ""
) -> tuple[Choice, str]:
    """The choice of the query string, or the usual one and what was wrong."""
    now = timezone.now()
    fixed: dict[str, Any] = {"now": now, "destination": destination, "computation": computation}
    try:
        return read_choice(request.space, request.GET.get, **fixed), ""
    except InvalidError as error:
        return read_choice(request.space, lambda _name, default: default, **fixed), error.detail


def _figures(request: SpaceRequest, choice: Choice, found: Overview) -> dict[str, Any]:
    step, code = _open_step(request)
    shown: dict[str, Any] = {
        "choice": choice,
        "found": found,
        "boxes": [_box(request, choice, found, name, step) for name in ON_THE_LINE],
        "superseded": _box(request, choice, found, SUPERSEDED, step),
        "pending": [
            {
                "words": words,
                "count": getattr(found.now.pending, state),
                "url": _messages_url(request, choice, PENDING, state),
            }
            for state, words in PENDING_WORDS.items()
        ],
        "equation": [
            {
                "label": STEPS[name],
                "step": name,
                "count": found.now.steps[name],
                "url": _messages_url(request, choice, name),
            }
            for name in (*DISCARDS[:2], PENDING, "failed", DELIVERED, SUPERSEDED)
        ],
        "received_url": _messages_url(request, choice, RECEIVED),
        "shows_percent": request.GET.get("metric", "percent") != "counts",
        "routing_query": choice.query(
            passed="0" if choice.scope.with_passed else "", metric=_metric(request), step=step
        ),
        "open_step": STEPS.get(step, ""),
        "updated_at": timezone.now(),
    }
    if step:
        shown["panel"] = _panel(request, choice, found, step, code)
    if choice.destination is None:
        shown["by_destination"] = _destination_rows(request, choice)
    return shown


def _box(request: SpaceRequest, choice: Choice, found: Overview, step: str, open_step: str) -> dict[str, Any]:
    change = found.change(step)
    return {
        "step": step,
        "label": STEPS[step],
        "count": found.now.steps[step],
        "share": found.now.share(step),
        "change": change,
        "good": "down" if step in (*DISCARDS, PENDING) else "up",
        "series": found.series[step] if step != PENDING else [],
        "is_discard": step in DISCARDS,
        "is_open": step == open_step,
        "url": "?" + choice.query(step="" if step == open_step else step, metric=_metric(request)),
    }


def _panel(request: SpaceRequest, choice: Choice, found: Overview, step: str, code: str | None) -> dict[str, Any]:
    """The table below the pipeline: reasons of a discard step, else event types and names."""
    show = shows(request.member)
    lines = found.events(step, code) if step not in DISCARDS or code is not None else found.reasons(step)
    rows = [
        {
            "line": line,
            "url": _messages_url(request, _narrowed(choice, line), step, code or (_code(line) or None)),
            "more_url": "?" + choice.query(step=step, reason=_code(line), metric=_metric(request)),
            "samples": [_sample(row, show) for row in told(request.member, samples(choice.scope, step, _code(line)))]
            if line.reason is not None and request.GET.get("samples") == line.reason.code
            else None,
            "samples_url": "?" + choice.query(step=step, samples=_code(line), metric=_metric(request)),
        }
        for line in lines
    ]
    return {
        "step": step,
        "code": code,
        "rows": rows,
        "is_reasons": step in DISCARDS and code is None,
        "close_url": "?" + choice.query(metric=_metric(request)),
        "back_url": "?" + choice.query(step=step, metric=_metric(request)) if code is not None else "",
        "total": found.now.by_reason[step, code] if code is not None else found.now.steps[step],
        "title": _words(step, code),
        "explains_routing": step == DESTINATION and choice.destination is not None,
    }


def _sample(row: CallRow, show: Any) -> dict[str, Any]:
    sent, said = sent_and_said(row)
    return {"row": row, "payload": show(row.event), "request": show(sent), "response": show(said)}


def _narrowed(choice: Choice, line: Line) -> Choice:
    if line.reason is not None:
        return choice
    return replace(choice, scope=replace(choice.scope, kind=line.kind, event=line.event))


def _destination_rows(request: SpaceRequest, choice: Choice) -> list[dict[str, Any]]:
    homes = {one.destination_id: one.destination for one in choice.scope.connections}
    rows: list[dict[str, Any]] = []
    for home, figures in by_destination(choice.scope).items():
        destination = homes[home]
        decided = figures.steps[DELIVERED] + figures.steps["failed"]
        narrowed = replace(choice, scope=replace(choice.scope, destination=destination, with_passed=False))
        rows.append(
            {
                "destination": destination,
                "figures": figures,
                "success": figures.steps[DELIVERED] / decided if decided else None,
                "cells": _cells(request, narrowed, figures),
                "url": "?" + narrowed.query(metric=_metric(request)),
            }
        )
    rows.sort(key=lambda row: (-row["figures"].received, row["destination"].name.lower()))
    return rows


def _cells(request: SpaceRequest, choice: Choice, figures: Figures) -> list[dict[str, Any]]:
    return [
        {"label": SHORT_NAMES[step], "count": figures.steps[step], "url": _messages_url(request, choice, step)}
        for step in (RECEIVED, "source", DESTINATION, PENDING, "failed", DELIVERED, SUPERSEDED)
    ]


def _pickers(request: SpaceRequest, choice: Choice, *, is_destination_fixed: bool = False) -> dict[str, Any]:
    period = choice.scope.period
    chosen = choice.destination
    definition = catalog.definition(chosen.connector) if chosen is not None else None
    ranges = []
    for key, (label, _length) in RANGES.items():
        # A word of Python, hence a dict.
        no_times = {"from": "", "to": ""}
        url = "?" + choice.query(range=key, metric=_metric(request), **no_times)  # type: ignore[arg-type]
        ranges.append({"label": label, "url": url, "active": key == period.key})
    metrics = [
        {
            "label": label,
            "url": "?" + choice.query(metric=value, step=request.GET.get("step", "")),
            "active": (_metric(request) or "percent") == (value or "percent"),
        }
        for value, label in (("", "Percent"), ("counts", "Counts"))
    ]
    return {
        "choice": choice,
        "ranges": ranges,
        "metrics": metrics,
        "destinations": overview_scope.destinations(request.space),
        "computations": overview_scope.computations(request.space),
        "mappings": list(chosen.mappings.all()) if chosen is not None and definition and definition.actions else [],
        "is_destination_fixed": is_destination_fixed,
        "metric": _metric(request),
        "range_key": period.key if period.key in RANGES else "",
    }


def _sections(request: SpaceRequest, destination: Destination, current: str) -> list[dict[str, Any]]:
    where = {"space": request.space.slug, "destination_id": destination.public_id}
    definition = catalog.definition(destination.connector)
    entries = [("overview", "Delivery Overview", "delivery:destination")]
    if definition is not None and definition.kind == "event":
        entries.append(("events", "Event Delivery", "delivery:event_delivery"))
    entries.append(("activity", "Connections", "delivery:destination_fragment"))
    return [
        {"label": label, "url": reverse(route, kwargs=where), "active": key == current} for key, label, route in entries
    ]


def _open_step(request: SpaceRequest) -> tuple[str, str | None]:
    step = request.GET.get("step", "")
    if step not in STEPS:
        return "", None
    return step, request.GET.get("reason") or None


def _messages_url(request: SpaceRequest, choice: Choice, step: str, code: str | None = None) -> str:
    url = reverse("delivery:overview_messages", kwargs={"space": request.space.slug})
    return f"{url}?{choice.query(is_fixed=True, step=step, reason=code or '')}"


def _overview_url(request: SpaceRequest, choice: Choice) -> str:
    return f"{reverse('delivery:overview', kwargs={'space': request.space.slug})}?{choice.query()}"


def _metric(request: SpaceRequest) -> str:
    return "counts" if request.GET.get("metric") == "counts" else ""


def _code(line: Line) -> str:
    return line.reason.code if line.reason is not None else ""


def _titles(points: Sequence[datetime]) -> list[str]:
    return [f"{point:%d %b %H:%M} UTC" for point in points]


def _destination(request: SpaceRequest, public_id: str) -> Destination:
    found = find_destination(request.space, public_id)
    if found is None:
        raise Http404("There is no such destination in this space.")
    return found
