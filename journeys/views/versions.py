"""The Versions and Settings tabs of a journey."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from common.errors import ProductError
from common.forms import ProductForm
from journeys.models import Journey, JourneyVersion, VersionState
from journeys.selectors.journeys import versions_of
from journeys.selectors.overview import status_of
from journeys.services import lifecycle
from journeys.services.differing import sentences, value_changes
from journeys.services.naming import MAX_DESCRIPTION_LENGTH, MAX_NAME_LENGTH
from journeys.views.context import chosen_version, get_journey, journey_context, journey_url
from journeys.views.diffing import diff_canvas
from journeys.views.live import names_in
from journeys.views.settings_facts import settings_facts
from spaces.access import SpaceRequest, space_view

MOST_CHANGES = 500


@space_view()
@require_GET
def version_list(request: SpaceRequest, journey_id: str) -> HttpResponse:
    """All versions; `?from=1&to=2` compares two of them."""
    journey = get_journey(request, journey_id)
    version = chosen_version(journey, "")
    rows = versions_of(journey)
    context = journey_context(request, journey, version, "versions") | {
        "rows": [
            {
                "version": one,
                "status": status_of(one),
                "summary": _summary(one),
                "overview_url": journey_url(request, journey, "overview", version=one.number),
                "export_url": journey_url(request, journey, "export", version=one.number),
                "compare_url": _compare_url(request, journey, rows, position),
                "is_draft": one.state == VersionState.DRAFT,
            }
            for position, one in enumerate(rows)
        ],
        "numbers": [one.number for one in rows],
        "can_discard": len(rows) > 1,
        "comparison": _comparison(request, journey),
    }
    return render(request, "journeys/versions.html", context)


def _summary(version: JourneyVersion) -> list[str]:
    return [line for line in version.summary.splitlines() if line.strip()]


def _compare_url(request: SpaceRequest, journey: Journey, rows: list[JourneyVersion], position: int) -> str:
    """Against the version before; "" for the first one."""
    if position + 1 >= len(rows):
        return ""
    query = {"from": rows[position + 1].number, "to": rows[position].number}
    return journey_url(request, journey, "versions", **query) + "#comparison"


def _comparison(request: SpaceRequest, journey: Journey) -> dict[str, Any] | None:
    given = request.GET
    if not given.get("from") or not given.get("to"):
        return None
    before, after = chosen_version(journey, given["from"]), chosen_version(journey, given["to"])
    changes = value_changes(before.definition, after.definition)
    return {
        "before": before,
        "after": after,
        "sentences": sentences(before.definition, after.definition, space=journey.space),
        "changes": [change.as_dict() for change in changes[:MOST_CHANGES]],
        "canvas": diff_canvas(before.definition, after.definition, names=names_in(journey.space, after.definition)),
    }


class DetailsForm(ProductForm):
    name = forms.CharField(
        label="Name", max_length=MAX_NAME_LENGTH, help_text="The keys of its steps stay as they are when you rename."
    )
    description = forms.CharField(
        label="Description", required=False, max_length=MAX_DESCRIPTION_LENGTH, widget=forms.Textarea(attrs={"rows": 3})
    )


@space_view()
@require_http_methods(["GET", "POST"])
def settings(request: SpaceRequest, journey_id: str) -> HttpResponse:
    """Name and description; entry and exit settings, which publishing fixes; deletion."""
    journey = get_journey(request, journey_id)
    version = chosen_version(journey, "")
    form = DetailsForm(
        request.POST or None, initial={"name": journey.name, "description": journey.description}, prefix="details"
    )
    if request.method == "POST" and form.is_valid():
        try:
            lifecycle.update_journey(journey=journey, changed_by=request.user, **form.cleaned_data)
        except ProductError as error:
            form.add_product_error(error)
        else:
            messages.success(request, "The journey was saved.")
            return redirect("journeys:settings", space=request.space.slug, journey_id=journey.public_id)
    context = journey_context(request, journey, version, "settings") | {
        "form": form,
        "facts": settings_facts(version),
        "was_published": version.published_at is not None,
    }
    return render(request, "journeys/settings.html", context, status=422 if form.errors else 200)
