"""The Overview of a journey: tiles, the canvas with numbers, the table of steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from common.templatetags.ui import percentage
from destinations.models import Destination
from journeys.canvas.layout import layout
from journeys.canvas.model import CanvasModel
from journeys.canvas.overlays import Figure, Overlay, StepOverlay, counted
from journeys.models import Journey, JourneyVersion, VersionState
from journeys.selectors import analytics, people
from journeys.selectors.analytics import Basis, DateRange, RangeError
from journeys.selectors.live import StepNumbers, step_counts
from journeys.selectors.overview import RUNNING, send_rows
from journeys.steps.kinds import Names
from journeys.views.context import chosen_version, get_journey, journey_context, journey_url, step_url
from spaces.access import SpaceRequest, space_view
from spaces.models import Space

MARKUP = {"here": "here", "waiting": "waiting", "joined": "entered", "passed": "passed"}


@space_view()
@require_GET
def overview(request: SpaceRequest, journey_id: str) -> HttpResponse:
    """The journey as it is running: numbers on the canvas and in a table, for a range of days (UTC)."""
    journey = get_journey(request, journey_id)
    version = chosen_version(journey, request.GET.get("version", ""))
    context = journey_context(request, journey, version, "overview") | _numbers(request, journey, version)
    return render(request, "journeys/journey_overview.html", context)


@space_view()
@require_GET
def live(request: SpaceRequest, journey_id: str) -> HttpResponse:
    """The parts of the overview that move."""
    journey = get_journey(request, journey_id)
    version = chosen_version(journey, request.GET.get("version", ""))
    if not request.htmx:
        return redirect(f"{journey_url(request, journey, 'overview')}?{request.GET.urlencode()}")
    context = journey_context(request, journey, version, "overview") | _numbers(request, journey, version)
    return render(request, "journeys/_live.html", context | {"is_poll": True})


def _numbers(request: SpaceRequest, journey: Journey, version: JourneyVersion) -> dict[str, Any]:
    now = timezone.now()
    given = request.GET
    problem: RangeError | None = None
    try:
        span = analytics.date_range(given.dict(), now)
    except RangeError as error:
        span, problem = analytics.named_range("", now), error
    has_reentry = bool((version.definition.get("settings") or {}).get("reentry_after"))
    basis = Basis(
        of_entry=given.get("basis") == "entry", unique=has_reentry and given.get("count") == "unique", span=span
    )
    steps = step_counts(version, basis)
    lists = _Lists(request=request, journey=journey, version=version, basis=basis)
    kept = given.dict()
    sends = send_rows(version, [row.facts for row in steps])
    return {
        "span": span,
        "basis": basis,
        "range_problem": problem,
        "range_errors": {error.path.strip("/"): error.detail for error in problem.errors} if problem else {},
        "ranges": [
            {
                "code": code,
                "label": label,
                "url": _with(request, kept, range=code, **{"from": None, "to": None}),
                "active": span.code == code and problem is None,
            }
            for code, (label, _days, _ago) in analytics.NAMED.items()
        ],
        "bases": [
            {"label": "Previous step", "url": _with(request, kept, basis=None), "active": not basis.of_entry},
            {"label": "Entry step", "url": _with(request, kept, basis="entry"), "active": basis.of_entry},
        ],
        "counts": [
            {"label": "Total", "url": _with(request, kept, count=None), "active": not basis.unique},
            {"label": "Unique", "url": _with(request, kept, count="unique"), "active": basis.unique},
        ]
        if has_reentry
        else [],
        "is_live": version.state in RUNNING,
        "is_draft": version.state == VersionState.DRAFT,
        "tiles": _tiles(request, journey, version, span, sends),
        "rows": [lists.row(step) for step in steps],
        "canvas": _canvas(version, steps, lists),
        "sends": sends,
        "live_url": f"{journey_url(request, journey, 'live')}?{urlencode(kept)}",
    }


def _with(request: SpaceRequest, kept: dict[str, str], **changed: str | None) -> str:
    """This page with some parameters changed; None takes one out."""
    given = {name: value for name, value in (kept | changed).items() if value is not None}
    path = request.path.removesuffix("live/")
    return f"{path}?{urlencode(given)}" if given else path


def _tiles(
    request: SpaceRequest, journey: Journey, version: JourneyVersion, span: DateRange, sends: list[Any]
) -> list[dict[str, Any]]:
    """The numbers of the whole version, each with the list that it counts."""
    numbers = analytics.journey_numbers(version, span)
    failed = sum(row.books.failed for row in sends)

    def runs(show: str, **query: str) -> str:
        return journey_url(request, journey, "runs", show=show, version=version.number, **query)

    return [
        {
            "name": "entered",
            "label": "Entered",
            "value": numbers.entered,
            "url": runs("entered", **span.query),
            "note": span.label,
        },
        {
            "name": "in_progress",
            "label": "In progress",
            "value": numbers.in_progress,
            "url": runs("in_progress"),
            "note": "now",
        },
        {
            "name": "completed",
            "label": "Completed",
            "value": numbers.completed,
            "url": runs("completed", **span.query),
            "note": "reached a final step",
        },
        {
            "name": "exited",
            "label": "Exits",
            "value": numbers.exited,
            "url": runs("exited", **span.query),
            "note": "left before a final step"
            + (f"; {numbers.ended:,} ended by a merge, a deletion or another version" if numbers.ended else ""),
        },
        {"name": "failed", "label": "Failed", "value": failed, "url": "#sends", "note": "calls, by destination below"},
    ]


class _Lists:
    """The addresses of the lists behind the numbers, and the numbers as a table row."""

    def __init__(self, *, request: SpaceRequest, journey: Journey, version: JourneyVersion, basis: Basis) -> None:
        self.request, self.journey, self.version, self.basis = request, journey, version, basis

    def url(self, step_id: str, show: str, branch: str = "") -> str:
        query: dict[str, Any] = {"show": show, "version": self.version.number}
        if show in people.INSTANT_OF and self.basis.span is not None:
            query |= self.basis.span.query
        if show == "joined" and self.basis.unique:
            query["count"] = "unique"
        if branch:
            query["branch"] = branch
        return step_url(self.request, self.journey, step_id, **query)

    def row(self, step: StepNumbers) -> dict[str, Any]:
        facts = step.facts
        return {
            "numbers": step,
            "facts": facts,
            "share": step.share(self.basis),
            "total": step.total(self.basis),
            "urls": {show: self.url(facts.step_id, show) for show in people.SHOWS},
            "branches": [
                {
                    "name": name,
                    "count": step.branches.get(branch, 0),
                    "share": _part(step.branches.get(branch, 0), step),
                    "url": self.url(facts.step_id, "joined", branch),
                }
                for branch, name in facts.branches
                if facts.type != "multi_branch"
            ],
        }


def _part(count: int, step: StepNumbers) -> float | None:
    return count / step.joined if step.joined else None


def _canvas(version: JourneyVersion, steps: list[StepNumbers], lists: _Lists) -> CanvasModel:
    names = names_in(version.journey.space, version.definition)
    if version.state == VersionState.DRAFT:
        return layout(version.definition, Overlay(names=names))
    staying = {step.facts.step_id for step in steps if step.here or not step.joined}
    branches = {
        (step.facts.step_id, branch): StepOverlay(
            figures=(
                Figure(
                    value=counted(step.branches.get(branch, 0)),
                    label=percentage(share) if (share := _part(step.branches.get(branch, 0), step)) is not None else "",
                    href=lists.url(step.facts.step_id, "joined", branch),
                    title=f"{name}: {step.branches.get(branch, 0):,} people sent this way",
                ),
            )
        )
        for step in steps
        if step.facts.type != "multi_branch"
        for branch, name in step.facts.branches
    }
    overlay = Overlay(
        steps={step.facts.step_id: _strip(step, lists) for step in steps},
        branches=branches,
        href=lambda step_id: lists.url(step_id, "here" if step_id in staying else "joined"),
        opens="#sheet",
        names=names,
    )
    return layout(version.definition, overlay)


def _strip(step: StepNumbers, lists: _Lists) -> StepOverlay:
    """People here, waiting (where a condition is waited for) or entered, passed; the share in the note."""
    facts = step.facts
    second = ("waiting", step.waiting) if facts.can_wait else ("joined", step.total(lists.basis))
    figures = [("here", step.here), second, ("passed", step.passed)]
    share = step.share(lists.basis)
    of = "the entry" if lists.basis.of_entry else "the previous step"
    note = ""
    if facts.previous and share is not None:
        note = f"{percentage(share)} of {of}"
    return StepOverlay(
        figures=tuple(
            Figure(
                label=MARKUP[show],
                value=counted(value),
                href=lists.url(facts.step_id, show),
                title=f"{people.SHOWS[show][0]}: {value:,}",
            )
            for show, value in figures
        ),
        note=note,
    )


def names_in(space: Space, definition: Mapping[str, Any]) -> Names:
    """What the chips of a definition's steps call their destinations."""
    wanted = {
        connection.get("destination")
        for step in definition.get("steps") or []
        for connection in step.get("connections") or []
    }
    rows = Destination.objects.in_space(space).filter(deleted_at=None, public_id__in=wanted - {None})
    return Names(destinations={row.public_id: row.name for row in rows})
