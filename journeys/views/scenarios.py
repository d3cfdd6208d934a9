"""The tests that are kept with a journey: their last results, all run again, one removed."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_GET, require_POST

from journeys.services import scenarios
from journeys.views.context import get_journey, journey_url
from journeys.views.testing import tested_version, testing_context
from spaces.access import SpaceRequest, space_view
from spaces.models import Role


@space_view()
@require_GET
def scenario_list(request: SpaceRequest, journey_id: str) -> HttpResponse:
    journey = get_journey(request, journey_id)
    version = tested_version(request, journey)
    rows = [
        {"scenario": one, "result": one.result, "at": parse_datetime(one.result["at"])}
        for one in journey.scenarios.order_by("name")
    ]
    context = testing_context(request, version, "scenarios") | {"rows": rows}
    return render(request, "journeys/scenarios.html", context)


@space_view(write=Role.USER)
@require_POST
def scenario_run(request: SpaceRequest, journey_id: str) -> HttpResponse:
    """Run all of them with the version that the page shows."""
    version = tested_version(request, get_journey(request, journey_id))
    done = scenarios.run_all(version=version, now=timezone.now())
    bad = sum(not one.result["ok"] for one in done)
    if bad:
        messages.error(request, f"{bad} of {len(done)} scenarios did not come out as expected.")
    else:
        messages.success(request, f"All {len(done)} scenarios came out as expected.")
    return _back(request, journey_id)


@space_view(write=Role.USER)
@require_POST
def scenario_delete(request: SpaceRequest, journey_id: str, scenario_id: str) -> HttpResponse:
    found = get_journey(request, journey_id).scenarios.filter(public_id=scenario_id).first()
    if found is None:
        raise Http404("This journey has no such scenario.")
    found.delete()
    messages.success(request, f"The scenario {found.name} is deleted.")
    return _back(request, journey_id)


def _back(request: SpaceRequest, journey_id: str) -> HttpResponse:
    journey = get_journey(request, journey_id)
    return HttpResponseRedirect(journey_url(request, journey, "scenarios", version=request.GET.get("version", "")))
