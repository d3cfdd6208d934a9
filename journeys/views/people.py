"""The people at a step of a journey, as a side sheet, a page, and as CSV."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from common.errors import ProductError
from delivery.models import Connection
from journeys.models import Journey, JourneyVersion
from journeys.selectors import analytics, people
from journeys.selectors.analytics import Basis, RangeError
from journeys.selectors.journeys import CURRENT
from journeys.selectors.live import step_counts
from journeys.selectors.steps import StepFacts, steps_of
from journeys.services.live_edits import edit_live_step
from journeys.views.context import chosen_version, get_journey, journey_context, journey_url, step_url
from spaces.access import SpaceRequest, space_view
from spaces.models import Role


@space_view()
@require_GET
def step_people(request: SpaceRequest, journey_id: str, step_id: str) -> HttpResponse:
    """Who is at a step, waits for it, entered or passed it; a side sheet, or a page of its own."""
    return _page(request, journey_id, step_id)


@space_view(write=Role.USER)
@require_POST
def step_rename(request: SpaceRequest, journey_id: str, step_id: str) -> HttpResponse:
    """Give a step that sends another name while its version is live; its key stays (journeys.md §5)."""
    journey = get_journey(request, journey_id)
    version = chosen_version(journey, request.GET.get("version", ""))
    try:
        edit_live_step(version=version, step_id=step_id, name=request.POST.get("name", ""), changed_by=request.user)
    except ProductError as refused:
        return _page(request, journey_id, step_id, refused)
    messages.success(request, "The step has its new name. Its key is the same as before.")
    return HttpResponseRedirect(journey_url(request, journey, "overview", version=version.number))


def _page(request: SpaceRequest, journey_id: str, step_id: str, refused: ProductError | None = None) -> HttpResponse:
    """`refused`: why the step could not be renamed."""
    journey, wanted, facts = _wanted(request, journey_id, step_id)
    rows, following = people.people_at(
        wanted, shows_pii=request.member.has_pii_access, after=request.GET.get("after", "")
    )
    counted = _count(wanted)
    query = _query(wanted)
    names = dict(facts.branches)
    context = journey_context(request, journey, wanted.version, "overview") | {
        "facts": facts,
        "wanted": wanted,
        "rows": rows,
        "total": counted,
        "label": people.SHOWS[wanted.show][0],
        "branch_name": names.get(wanted.branch, ""),
        "branch_names": names,
        "shows": [
            {
                "label": label,
                "url": step_url(request, journey, step_id, **(query | {"show": show})),
                "active": show == wanted.show,
            }
            for show, (label, _where) in people.SHOWS.items()
            if show != "waiting" or facts.can_wait
        ],
        "following": step_url(request, journey, step_id, **query, after=following) if following else "",
        "first": step_url(request, journey, step_id, **query) if request.GET.get("after") else "",
        "downloads": [
            {"label": label, "url": step_url(request, journey, step_id, "step_csv", **query, format=form)}
            for form, label in people.FORMATS.items()
        ],
        "connections": _connections(wanted.version, facts),
        "can_rename": facts.sends and wanted.version.state in CURRENT,
        "step_name": facts.title if refused is None else request.POST.get("name", ""),
        "name_error": "" if refused is None else refused.detail,
    }
    return render(request, "journeys/step_people.html", context, status=refused.status if refused else 200)


@space_view()
@require_GET
def step_csv(request: SpaceRequest, journey_id: str, step_id: str) -> HttpResponseBase:
    """Everybody of the list as CSV, streamed; `format` is unformatted or formatted."""
    journey, wanted, _facts = _wanted(request, journey_id, step_id)
    form = request.GET.get("format", "unformatted")
    if form not in people.FORMATS:
        raise Http404("There is no such format; use unformatted or formatted.")
    lines = people.people_csv(wanted, form=form, shows_pii=request.member.has_pii_access)
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    name = f"{journey.key}-{wanted.step.step_id}-{wanted.show}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _wanted(request: SpaceRequest, journey_id: str, step_id: str) -> tuple[Journey, people.Wanted, StepFacts]:
    journey = get_journey(request, journey_id)
    version = chosen_version(journey, request.GET.get("version", ""))
    facts = next((one for one in steps_of(version) if one.step_id == step_id), None)
    if facts is None or facts.row is None:
        raise Http404("This version has no such step.")
    given = request.GET
    show = given.get("show", "here")
    span = None
    if given.get("range"):
        try:
            span = analytics.date_range(given.dict(), timezone.now())
        except RangeError:
            span = None
    wanted = people.Wanted(
        version=version,
        step=facts.row,
        show=show if show in people.SHOWS else "here",
        span=span,
        unique=given.get("count") == "unique",
        branch=given.get("branch", "") if given.get("branch", "") in dict(facts.branches) else "",
    )
    return journey, wanted, facts


def _query(wanted: people.Wanted) -> dict[str, Any]:
    query: dict[str, Any] = {"show": wanted.show, "version": wanted.version.number}
    if wanted.span is not None:
        query |= wanted.span.query
    if wanted.unique:
        query["count"] = "unique"
    if wanted.branch:
        query["branch"] = wanted.branch
    return query


def _count(wanted: people.Wanted) -> int:
    """The number that led here."""
    basis = Basis(unique=wanted.unique, span=wanted.span)
    numbers = next(row for row in step_counts(wanted.version, basis) if row.facts.step_id == wanted.step.step_id)
    if wanted.branch:
        return numbers.branches.get(wanted.branch, 0)
    found = {"here": numbers.here, "waiting": numbers.waiting, "passed": numbers.passed}
    return found.get(wanted.show, numbers.total(basis))


def _connections(version: JourneyVersion, facts: StepFacts) -> list[Connection]:
    if facts.row is None or not facts.sends:
        return []
    rows = Connection.objects.in_space(version.journey.space).filter(
        computation_id=facts.row.public_id, removed_at=None
    )
    return list(rows.select_related("destination"))
