"""The destinations of a step: choose, set up, test, remove. Sheets over the builder, and pages of their own."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from common.errors import ConflictError, ProductError
from delivery.forms import ConnectionForm
from delivery.services.samples import connected_of, sample_calls, tester_url
from destinations.models import Destination
from destinations.selectors import matching_mappings
from destinations.views.mappings import action_choices
from journeys.models import Journey, JourneyVersion, VersionState
from journeys.selectors.journeys import draft_of, get_journey, shown_of, versions_of
from journeys.services import sending
from journeys.services.sending import StepDestination
from journeys.services.step_connections import fields_of, unsaved_connection
from spaces.access import SpaceRequest, space_view
from spaces.context import route_url
from spaces.models import Role

EDITABLE = (VersionState.DRAFT, VersionState.PUBLISHED, VersionState.PAUSED)


def _version(request: SpaceRequest, journey: Journey) -> JourneyVersion:
    """The version of `?version=`, else the draft, else the current one: those whose destinations can be edited."""
    found = {version.number: version for version in versions_of(journey) if version.state in EDITABLE}
    wanted = request.GET.get("version", "")
    if wanted.isdecimal() and int(wanted) in found:
        return found[int(wanted)]
    if wanted or not found:
        raise Http404("This journey has no such version whose destinations can be changed.")
    draft = next((version for version in found.values() if version.state == VersionState.DRAFT), None)
    return draft or next(iter(found.values()))


def _place(request: SpaceRequest, journey_id: str, step_id: str) -> tuple[JourneyVersion, dict[str, Any]]:
    journey = get_journey(request.space, journey_id)
    if journey is None:
        raise Http404("This space has no such journey.")
    version = _version(request, journey)
    step = sending.sending_step(version, step_id)
    if step is None:
        raise Http404("This version has no such step that sends.")
    return version, step


def _context(request: SpaceRequest, version: JourneyVersion, step: dict[str, Any]) -> dict[str, Any]:
    row = sending.step_row(version, step)
    return {
        "journey": version.journey,
        "version": version,
        "step": step,
        "step_name": step.get("name") or "Step without a name",
        "step_key": row.key,
        "is_draft": version.state == VersionState.DRAFT,
        "is_ad": step["type"] == "show_ad",
        "step_url": step_url(request, version, step["id"]),
        "found": sending.destinations_in(request.space, step),
    }


def step_url(request: SpaceRequest, version: JourneyVersion, step_id: str) -> str:
    """The page that shows the step: the builder, but the overview of what is live beside a draft."""
    in_builder = draft_of(version.journey) or shown_of(version.journey)
    route = "journeys:builder" if in_builder.pk == version.pk else "journeys:overview"
    return f"{route_url(route, request.space, journey_id=version.journey.public_id)}?panel=step:{step_id}"


def _back(request: SpaceRequest, version: JourneyVersion, step_id: str) -> HttpResponseRedirect:
    return HttpResponseRedirect(step_url(request, version, step_id))


@space_view()
@require_http_methods(["GET", "POST"])
def choose(request: SpaceRequest, journey_id: str, step_id: str) -> HttpResponse:
    """**Connect destinations**: the enabled destinations of the space, several at once (F002, F009)."""
    version, step = _place(request, journey_id, step_id)
    error = ""
    if request.method == "POST":
        chosen = request.POST.getlist("destination")
        try:
            sending.attach(version=version, step_id=step_id, destinations=chosen, author=request.user)
        except ConflictError as refused:
            messages.error(request, refused.detail)
            return _back(request, version, step_id)
        except ProductError as refused:
            error = refused.detail
        else:
            if len(chosen) == 1:
                return redirect(
                    "journeys:step_destination",
                    space=request.space.slug,
                    journey_id=journey_id,
                    step_id=step_id,
                    destination_id=chosen[0],
                )
            messages.success(request, f"{len(chosen)} destinations are connected to this step.")
            return _back(request, version, step_id)
    context = _context(request, version, step) | {
        "offered": sending.choosable(request.space, step),
        "error": error,
        "has_any": Destination.objects.in_space(request.space).filter(deleted_at=None).exists(),
    }
    return render(request, "journeys/step_destinations_choose.html", context, status=422 if error else 200)


@space_view()
@require_http_methods(["GET", "POST"])
def destination(request: SpaceRequest, journey_id: str, step_id: str, destination_id: str) -> HttpResponse:
    """One destination of the step; `?tab=` settings, mappings (F161) or tester (event destinations, F013, F014)."""
    version, step = _place(request, journey_id, step_id)
    one = _one(request, step, destination_id)
    if one.destination is None:
        raise Http404("This destination was deleted. Remove it from the step.")
    row = sending.step_row(version, step)
    form = ConnectionForm(
        request.POST if request.method == "POST" else None,
        destination=one.destination,
        space=request.space,
        prefix="connection",
        initial=fields_of(one.spec),
        computation_key=row.key or "j_o",
        is_journey=True,
    )
    if form.is_valid():
        try:
            sending.configure(
                version=version,
                step_id=step_id,
                destination=one.destination,
                values=form.values,
                author=request.user,
            )
        except ConflictError as error:
            messages.error(request, error.detail)
            return _back(request, version, step_id)
        except ProductError as error:
            form.add_product_error(error)
        else:
            when = "It is used once the journey is published." if version.state == VersionState.DRAFT else ""
            messages.success(request, f"{one.destination.name} is saved. {when}".strip())
            return _back(request, version, step_id)
    connection = unsaved_connection(space=request.space, row=row, destination=one.destination, spec=one.spec)
    matching = matching_mappings(one.destination, sample_calls(request.space, connection))
    tab = request.GET.get("tab", "")
    if tab not in ("mappings", "tester") or (tab == "tester" and one.is_list):
        tab = "settings"
    here = route_url(
        "journeys:step_destination",
        request.space,
        journey_id=journey_id,
        step_id=step_id,
        destination_id=destination_id,
    )
    query = {
        **connected_of(connection).query(),
        "return_to": f"{here}?version={version.number}&tab=mappings",
    }
    context = _context(request, version, step) | {
        "one": one,
        "destination": one.destination,
        "form": form,
        "sheet_tab": tab,
        "matching": matching,
        "mapping_choices": action_choices(one.destination, one.connector, query)
        if one.connector is not None and matching.is_applicable
        else [],
        "mapping_return": urlencode(query),
        "tester_url": "" if one.is_list else tester_url(request.space, connection),
    }
    return render(request, "journeys/step_destination.html", context, status=422 if form.errors else 200)


@space_view(write=Role.USER)
@require_POST
def remove(request: SpaceRequest, journey_id: str, step_id: str, destination_id: str) -> HttpResponse:
    """Take the destination off the step."""
    version, step = _place(request, journey_id, step_id)
    one = _one(request, step, destination_id)
    try:
        sending.detach(version=version, step_id=step_id, destination_id=destination_id, author=request.user)
    except ProductError as error:
        messages.error(request, error.detail)
    else:
        name = one.destination.name if one.destination else "The deleted destination"
        messages.success(request, f"{name} was removed from this step.")
    return _back(request, version, step_id)


def _one(request: SpaceRequest, step: dict[str, Any], destination_id: str) -> StepDestination:
    for one in sending.destinations_in(request.space, step):
        if one.spec.get("destination") == destination_id:
            return one
    raise Http404("This step has no such destination.")
