"""The page on which one person walks through a journey."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from common.errors import ConflictError, FieldError, InvalidError
from journeys.canvas.layout import layout
from journeys.canvas.overlays import Overlay
from journeys.models import Journey, JourneyVersion
from journeys.selectors.journeys import draft_of
from journeys.services.entering_events import Proposal, proposal
from journeys.services.scenarios import save_scenario
from journeys.services.testing import TestResult, test_person
from journeys.services.testing_requests import read_request
from journeys.views.context import chosen_version, get_journey, journey_url
from journeys.views.live import names_in
from journeys.views.testing_form import KINDS, UNIT_NAMES, TestForm
from journeys.views.testing_showing import decisions, outcome_of, test_overlay
from spaces.access import SpaceRequest, space_view
from spaces.context import route_url
from spaces.models import Role

PAGES = (("test", "Test"), ("dry_run", "Dry run"), ("scenarios", "Scenarios"))


@space_view(write=Role.USER)
@require_http_methods(["GET", "POST"])
def test(request: SpaceRequest, journey_id: str) -> HttpResponse:
    """GET shows the form; POST adds or removes an event, fills in what makes the person enter, or runs the test."""
    journey = get_journey(request, journey_id)
    version = tested_version(request, journey)
    fitting = proposal(version.definition["entry"].get("condition"))
    if request.method != "POST":
        form = TestForm.blank(profile=request.GET.get("profile", ""), events=fitting.events)
        return _page(request, version, form.with_traits(fitting.traits))
    form = TestForm.posted(request.POST)
    edited = _edited(form, request.POST, fitting)
    if edited is not None:
        return _page(request, version, edited)
    body, problems = form.body()
    try:
        if problems:
            raise InvalidError("The form is not complete.", problems)
        if "save" in request.POST:
            saved = save_scenario(
                version=version,
                name=request.POST.get("name", ""),
                body=body,
                now=timezone.now(),
                saved_by=request.user,
            )
            messages.success(request, f"{saved.name} is kept as a scenario, with what came of it as expected.")
            return _gone_to(request, _scenarios(request, version))
        result = test_person(
            space=request.space,
            journey=journey,
            definition=version.definition,
            request=read_request(body),
            now=timezone.now(),
            tested_by=request.user,
        )
    except InvalidError as error:
        return _page(request, version, form.refused(error.errors), status=422)
    except ConflictError as error:
        refused = FieldError(path="/name", code=error.code, detail=error.detail)
        return _page(request, version, form.refused([refused]), status=409)
    return _page(request, version, form, result)


def _gone_to(request: SpaceRequest, url: str) -> HttpResponse:
    return HttpResponse(headers={"HX-Redirect": url}) if request.htmx else HttpResponseRedirect(url)


def _scenarios(request: SpaceRequest, version: JourneyVersion) -> str:
    return journey_url(request, version.journey, "scenarios", version=request.GET.get("version", ""))


def _edited(form: TestForm, posted: QueryDict, fitting: Proposal) -> TestForm | None:
    """The form after one of its small buttons; None when the test shall run."""
    if "add" in posted:
        return form.with_row()
    if "remove" in posted:
        return form.without_row(posted.get("remove", ""))
    if "fill" in posted:
        return form.with_events(fitting.events).with_traits(fitting.traits)
    return None


test.__test__ = False  # type: ignore[attr-defined]  # a view, not one of pytest's


def tested_version(request: SpaceRequest, journey: Journey) -> JourneyVersion:
    """The version of `?version=`, else the draft, else the one that people go through."""
    number = request.GET.get("version", "")
    draft = None if number else draft_of(journey)
    return draft or chosen_version(journey, number)


def testing_context(request: SpaceRequest, version: JourneyVersion, page: str) -> dict[str, Any]:
    """What the two pages share; `page` is the name of its route."""
    journey = version.journey
    number = request.GET.get("version", "")
    return {
        "journey": journey,
        "version": version,
        "page_name": dict(PAGES)[page],
        "page_url": journey_url(request, journey, page, version=number),
        "builder_url": journey_url(request, journey, "builder"),
        "tabs": [
            {"label": label, "url": journey_url(request, journey, name, version=number), "active": name == page}
            for name, label in PAGES
        ],
    }


def _page(
    request: SpaceRequest,
    version: JourneyVersion,
    form: TestForm,
    result: TestResult | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    names = names_in(request.space, version.definition)
    overlay = Overlay(names=names) if result is None else test_overlay(result, names)
    context = testing_context(request, version, "test") | {
        "form": form,
        "scenario_name": request.POST.get("name", ""),
        "kinds": KINDS,
        "units": UNIT_NAMES,
        "observed_url": route_url("profiles:observed", request.space),
        "canvas": layout(version.definition, overlay),
        "result": result,
    }
    if result is not None:
        tone, sentence = outcome_of(result)
        shown = decisions(result, shows_pii=request.member.has_pii_access)
        context |= {
            "tone": tone,
            "sentence": sentence,
            "decisions": shown,
            "call_count": sum(len(decision.calls) for decision in shown),
            "was_sent": form.is_sent,
            "profile_url": route_url("profiles:detail", request.space, segment_id=result.profile)
            if result.profile
            else "",
        }
    template = "journeys/test.html#content" if request.htmx else "journeys/test.html"
    response = render(request, template, context, status=status)
    if result is not None:
        response["HX-Reswap"] = "outerHTML show:#test-result:top"
    return response
