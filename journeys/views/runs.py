"""Runs of a journey, the timeline of one, and the journeys of a profile."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from journeys.selectors import analytics, runs
from journeys.selectors.analytics import RangeError
from journeys.selectors.journeys import versions_of
from journeys.selectors.overview import RUNNING
from journeys.selectors.people import people_of
from journeys.selectors.profile import journey_values, journeys_of_profile
from journeys.selectors.timeline import timeline
from journeys.views.context import chosen_version, get_journey, journey_context, journey_url
from profiles.selectors.search import clean_query, profile_by_segment_id, profiles_by_id
from spaces.access import SpaceRequest, space_view


@space_view()
@require_GET
def run_list(request: SpaceRequest, journey_id: str) -> HttpResponse:
    """Runs of a version by state, and the search for a person, which leaves out those who exited."""
    journey = get_journey(request, journey_id)
    version = chosen_version(journey, request.GET.get("version", ""))
    given = request.GET
    show = given.get("show", "open")
    show = show if show in runs.SHOWS else "open"
    span = None
    if given.get("range") and runs.SHOWS[show][2]:
        try:
            span = analytics.date_range(given.dict(), timezone.now())
        except RangeError:
            span = None
    wanted = runs.Wanted(version=version, show=show, span=span, query=clean_query(given.get("q", "")))
    page = runs.run_page(
        wanted,
        shows_pii=request.member.has_pii_access,
        after=given.get("after", ""),
        before=given.get("before", ""),
    )
    context = journey_context(request, journey, version, "runs") | {
        "page": page,
        "wanted": wanted,
        "q": wanted.query,
        "total": _total(wanted),
        "shows": [
            {
                "label": label,
                "active": name == show,
                "url": journey_url(request, journey, "runs", show=name, version=given.get("version"), q=wanted.query),
            }
            for name, (label, _condition, _instant) in runs.SHOWS.items()
        ],
        "clear_url": journey_url(request, journey, "runs", version=given.get("version")),
    }
    template = "journeys/runs.html"
    return render(request, f"{template}#table" if request.htmx and not request.htmx.boosted else template, context)


def _total(wanted: runs.Wanted) -> int | None:
    """How many the list has in all; None where only counting them one by one would tell."""
    if wanted.query:
        return None
    numbers = analytics.journey_numbers(wanted.version, wanted.span)
    return {
        "entered": numbers.entered,
        "in_progress": numbers.in_progress,
        "completed": numbers.completed,
        "exited": numbers.exited,
    }.get(wanted.show)


@space_view()
@require_GET
def run(request: SpaceRequest, journey_id: str, run_id: int) -> HttpResponse:
    """The timeline of one run: entered, decisions with their reasons, waits, sends with their calls, the end."""
    journey = get_journey(request, journey_id)
    found = runs.get_run(journey, run_id)
    version = next((one for one in versions_of(journey) if found and one.pk == found.version_id), None)
    if found is None or version is None:
        raise Http404("This journey has no such run.")
    shows_pii = request.member.has_pii_access
    profile = profiles_by_id(request.space, [found.profile_id]).get(found.profile_id)
    if profile is not None:
        profile.refresh_from_db(fields=["trait_times"])
    person = people_of(request.space, [found.profile_id], shows_pii=shows_pii).get(found.profile_id)
    others = runs.runs_of(space=request.space, journey=journey, profile=profile) if profile is not None else []
    now = timezone.now()
    lines = timeline(run=found, version=version, profile=profile, shows_pii=shows_pii)
    context = journey_context(request, journey, version, "runs") | {
        "run": found,
        "person": person,
        "run_status": runs.run_status(found),
        "run_label": runs.status_label(found),
        "lines": [
            {"entry": entry, "left": runs.time_left(entry.until, now) if entry.until else None} for entry in lines
        ],
        "others": [row for row in others if row.run.id != found.id],
        "now": now,
        "is_live": version.state in RUNNING and found.ended_at is None,
        "exit_left": runs.time_left(found.exit_at, now) if found.exit_at and not found.ended_at else None,
    }
    return render(request, "journeys/run.html", context)


@space_view()
@require_GET
def profile_journeys(request: SpaceRequest, segment_id: str) -> HttpResponse:
    """For the profile's page: the journeys the person is or was in, and the values of the journey keys."""
    profile = profile_by_segment_id(request.space, segment_id)
    if profile is None:
        raise Http404("This space has no such profile.")
    context: dict[str, Any] = {
        "profile": profile,
        "rows": journeys_of_profile(space=request.space, profile=profile),
        "values": journey_values(space=request.space, profile=profile),
    }
    return render(request, "journeys/profile_journeys.html", context)
