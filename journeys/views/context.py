"""What every page of one journey shares: which version it shows, its header, its tabs."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import Http404

from journeys.models import Journey, JourneyVersion, VersionState
from journeys.selectors import journeys as selectors
from journeys.selectors.overview import shown_version, status_of, why_not_deletable
from spaces.access import SpaceRequest
from spaces.context import route_url

TABS = (
    ("overview", "Overview"),
    ("builder", "Builder"),
    ("runs", "Runs"),
    ("versions", "Versions"),
    ("settings", "Settings"),
)


def get_journey(request: SpaceRequest, journey_id: str) -> Journey:
    journey = selectors.get_journey(request.space, journey_id)
    if journey is None:
        raise Http404("This space has no such journey.")
    return journey


def chosen_version(journey: Journey, number: str) -> JourneyVersion:
    """The version of this number; without one the version that people go through, else the draft."""
    versions = selectors.versions_of(journey)
    if not versions:
        raise Http404("This journey has no version.")
    if not number:
        return shown_version(versions)
    for version in versions:
        if str(version.number) == number:
            return version
    raise Http404("This journey has no such version.")


def journey_url(request: SpaceRequest, journey: Journey, page: str, **query: object) -> str:
    """The address of a page of the journey, "" while there is no such page. None is left out of the query."""
    given = {name: value for name, value in query.items() if value not in (None, "")}
    url = route_url(f"journeys:{page}", request.space, journey_id=journey.public_id)
    return f"{url}?{urlencode(given)}" if url and given else url


def step_url(request: SpaceRequest, journey: Journey, step_id: str, page: str = "step_people", **query: object) -> str:
    """The people at a step (`step_people`), or all of them as CSV (`step_csv`)."""
    url = route_url(f"journeys:{page}", request.space, journey_id=journey.public_id, step_id=step_id)
    return f"{url}?{urlencode(query)}" if query else url


def journey_context(request: SpaceRequest, journey: Journey, version: JourneyVersion, tab: str) -> dict[str, Any]:
    """Header, tabs and the version picker of a page. `draft` is the one that can be edited, None without one."""
    versions = selectors.versions_of(journey)
    newest = shown_version(versions)
    query = {"version": version.number} if version.number != newest.number else {}
    tabs = [
        {
            "label": label,
            "url": journey_url(request, journey, name, **(query if name in {"overview", "runs"} else {})),
            "active": name == tab,
        }
        for name, label in TABS
    ]
    return {
        "journey": journey,
        "version": version,
        "versions": [
            {
                "version": one,
                "status": status_of(one),
                "url": journey_url(
                    request, journey, tab if tab in {"overview", "runs"} else "overview", version=one.number
                ),
                "active": one.number == version.number,
            }
            for one in versions
        ],
        "status": status_of(version),
        "tabs": [item for item in tabs if item["url"]],
        "draft": next((one for one in versions if one.state == VersionState.DRAFT), None),
        "current": newest,
        "why_not_delete": why_not_deletable(versions),
        "builder_url": journey_url(request, journey, "builder"),
        "review_url": journey_url(request, journey, "review"),
    }
