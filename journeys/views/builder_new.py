"""New journey: the setup form (journeys.md §1)."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from common.errors import InvalidError
from journeys.services.definitions import blank
from journeys.services.drafts import create_journey
from journeys.steps.durations import UNITS
from journeys.views.builder_forms import LONGEST_NAME, REENTRY_UNITS, SettingsForm, posted_settings
from journeys.views.builder_showing import page_url
from spaces.access import SpaceRequest, space_view
from spaces.models import Role


@space_view(Role.USER)
@require_http_methods(["GET", "POST"])
def new(request: SpaceRequest) -> HttpResponse:
    """Name, description, entry and exit settings; **Build Journey** opens the builder."""
    if request.method == "GET":
        return _page(request, SettingsForm(), 200)
    form = posted_settings(request.POST)
    if not form.check():
        return _page(request, form, 422)
    definition = blank(form.name) | {"settings": form.settings}
    try:
        version = create_journey(
            space=request.space,
            name=form.name,
            description=form.description,
            definition=definition,
            created_by=request.user,
        )
    except InvalidError as error:
        for problem in error.errors:
            form.errors[problem.path.strip("/").partition("/")[0] or "name"] = problem.detail
        return _page(request, form, 422)
    return redirect(page_url(request, version, panel="step:entry"))


def _page(request: SpaceRequest, form: SettingsForm, status: int) -> HttpResponse:
    context = {"form": form, "units": UNITS, "reentry_units": REENTRY_UNITS, "longest_name": LONGEST_NAME}
    return render(request, "journeys/new.html", context, status=status)
