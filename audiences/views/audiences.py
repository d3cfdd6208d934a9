"""The list of audiences and the pages of one: overview, settings."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audiences.forms import DetailsForm
from audiences.models import Audience
from audiences.selectors import audiences as selectors
from audiences.selectors.connections import connection_rows
from audiences.selectors.folders import folder_list
from audiences.selectors.size_history import RANGES, size_history
from audiences.services import audiences as services
from audiences.services.connections import live_connections
from audiences.services.consumers import consumers
from audiences.services.definitions import compiled
from common.errors import ConflictError, ProductError
from engine import conditions
from profiles.models import Profile
from profiles.models import ProfileAlias as Alias
from spaces.access import SpaceRequest, space_view
from spaces.context import route_url

PAGE_SIZE = 50
# Tabs of an audience in their order; an app above adds its own page by its route.
TABS = (
    ("audiences:overview", "Overview"),
    ("audiences:builder", "Builder"),
    ("audiences:members", "Members"),
    ("audiences:explain", "Explain"),
    ("audiences:consumers", "Consumers"),
    ("audiences:history", "History"),
    ("alerts:audience", "Alerts"),
    ("audiences:settings", "Settings"),
)


def get_audience(request: SpaceRequest, public_id: str) -> Audience:
    audience = selectors.get_audience(request.space, public_id)
    if audience is None:
        raise Http404("This space has no such audience.")
    return audience


def audience_context(request: SpaceRequest, audience: Audience, tab: str) -> dict[str, Any]:
    """What every page of one audience shows: its header and tabs."""
    run = selectors.open_run(audience)
    return {
        "audience": audience,
        "tabs": [
            {"label": label, "url": url, "active": route.partition(":")[2] == tab}
            for route, label in TABS
            if (url := route_url(route, request.space, audience_id=audience.public_id))
        ],
        "run": run,
        "percent": selectors.progress_percent(run),
        "is_locked": run is not None,
    }


@space_view()
@require_GET
def audience_list(request: SpaceRequest) -> HttpResponse:
    """The main list or one folder (`?folder=`), newest first; a search (`?q=`) looks in all of them."""
    query = request.GET.get("q", "").replace("\0", "").strip()
    every = selectors.audience_list(request.space)
    folders = folder_list(request.space)
    folder = next((row for row in folders if row.public_id == request.GET.get("folder")), None)
    rows = every.select_related("folder")
    if query:
        rows = rows.filter(name__icontains=query) | rows.filter(key__icontains=query)
    elif folder is not None:
        rows = rows.filter(folder=folder)
    else:
        rows = rows.filter(folder=None)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "q": query,
        "total": every.count(),
        "folders": folders,
        "folder": folder,
        "unfiled": every.filter(folder=None).count(),
        "changes": selectors.change_24h(space=request.space),
        "destinations": selectors.destination_counts(request.space),
    }
    template = "audiences/audience_list.html"
    return render(request, f"{template}#table" if request.htmx and not request.htmx.boosted else template, context)


@space_view()
@require_GET
def overview(request: SpaceRequest, audience_id: str) -> HttpResponse:
    """Size, status, what it means, and the destinations table."""
    audience = get_audience(request, audience_id)
    context = audience_context(request, audience, "overview") | {
        "rows": connection_rows(audience),
        "sentence": conditions.describe(compiled([audience])[0].condition),
        "history": size_history(audience, range_key=request.GET.get("range", "")),
        "ranges": RANGES,
    }
    return render(request, "audiences/audience_overview.html", context)


@space_view()
@require_GET
def live(request: SpaceRequest, audience_id: str) -> HttpResponse:
    """The part of the overview that moves: status, progress, size and the destinations table."""
    audience = get_audience(request, audience_id)
    context = audience_context(request, audience, "overview") | {"rows": connection_rows(audience)}
    if not request.htmx:
        return redirect("audiences:overview", space=request.space.slug, audience_id=audience.public_id)
    return render(request, "audiences/_live.html", context)


@space_view()
@require_http_methods(["GET", "POST"])
def settings(request: SpaceRequest, audience_id: str) -> HttpResponse:
    """Name and description, enabled or not, consumers, deletion."""
    audience = get_audience(request, audience_id)
    form = DetailsForm(request.POST or None, initial={"name": audience.name, "description": audience.description})
    if request.method == "POST" and form.is_valid():
        try:
            services.update_audience(audience=audience, changed_by=request.user, **form.cleaned_data)
        except ConflictError:
            raise
        except ProductError as error:
            form.add_product_error(error)
        else:
            messages.success(request, "The audience was saved.")
            return redirect("audiences:settings", space=request.space.slug, audience_id=audience.public_id)
    context = audience_context(request, audience, "settings") | {
        "form": form,
        "consumers": consumers(space=request.space, audience=audience),
        "folders": folder_list(request.space),
        "delete_consequences": _consequences(audience),
    }
    return render(request, "audiences/audience_settings.html", context, status=422 if form.errors else 200)


def _consequences(audience: Audience) -> list[str]:
    """What deleting does, with counts."""
    connected = len(live_connections(audience))
    members, noun = f"{audience.size:,}", "member is" if audience.size == 1 else "members are"
    return [
        f"{members} {noun} forgotten; profiles keep the last value of {audience.key} as a custom trait.",
        f"{connected} destination{' is' if connected == 1 else 's are'} disconnected; what waits is not sent.",
        "Lists and profiles downstream are not touched.",
        f"The key {audience.key} stays reserved and cannot be used again.",
    ]


@space_view()
@require_POST
def toggle(request: SpaceRequest, audience_id: str) -> HttpResponse:
    audience = get_audience(request, audience_id)
    is_enabled = request.POST.get("enabled") == "1"
    services.set_enabled(audience=audience, is_enabled=is_enabled, changed_by=request.user)
    said = "enabled: everybody is computed again" if is_enabled else "disabled: nothing computes or sends"
    messages.success(request, f"{audience.name} is {said}.")
    return redirect("audiences:settings", space=request.space.slug, audience_id=audience.public_id)


@space_view()
@require_POST
def delete(request: SpaceRequest, audience_id: str) -> HttpResponse:
    audience = get_audience(request, audience_id)
    if request.POST.get("confirm_name", "").strip() != audience.name:
        messages.error(request, "Nothing was deleted: the name that you typed is not the audience's.")
        return redirect("audiences:settings", space=request.space.slug, audience_id=audience.public_id)
    try:
        services.delete_audience(audience=audience, deleted_by=request.user)
    except ConflictError as error:
        messages.error(request, error.detail)
        return redirect("audiences:settings", space=request.space.slug, audience_id=audience.public_id)
    messages.success(request, f"{audience.name} was deleted. Its key {audience.key} stays reserved.")
    return redirect("audiences:list", space=request.space.slug)


@space_view()
@require_GET
def profile_audiences(request: SpaceRequest, segment_id: str) -> HttpResponse:
    """For the profile's page: the audiences the person is in and is not in."""
    alias = Alias.objects.filter(segment_id=segment_id, space_id=request.space.pk).first()
    profiles = Profile.objects.in_space(request.space)
    profile = profiles.filter(id=alias.profile_id).first() if alias else profiles.filter(segment_id=segment_id).first()
    if profile is None:
        raise Http404("This space has no such profile.")
    rows = selectors.audiences_of_profile(space=request.space, profile=profile)
    return render(request, "audiences/profile_audiences.html", {"rows": rows, "profile": profile})
