"""The list of journeys."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from journeys.selectors.overview import journey_page
from profiles.selectors.search import clean_query
from spaces.access import SpaceRequest, space_view
from spaces.context import route_url


@space_view()
@require_GET
def journey_list(request: SpaceRequest) -> HttpResponse:
    """All journeys of the space with their versions, newest first, with search by name or key."""
    query = clean_query(request.GET.get("q", ""))
    page = journey_page(
        request.space, query=query, after=request.GET.get("after", ""), before=request.GET.get("before", "")
    )
    context = {"page": page, "q": query, "new_url": route_url("journeys:new", request.space)}
    template = "journeys/journey_list.html"
    return render(request, f"{template}#table" if request.htmx and not request.htmx.boosted else template, context)
