"""Settings: the event filters of the space."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from profiles.forms import EventFilterForm, EventFilterNameForm
from profiles.models import EventFilter
from profiles.services import event_filters as services
from spaces.access import SpaceRequest, space_view
from spaces.models import Role


@space_view()
@require_GET
def event_filters(request: SpaceRequest) -> HttpResponse:
    rows = EventFilter.objects.in_space(request.space)
    shown = {"rows": rows, "limit": services.LIMIT, "can_add": len(rows) < services.LIMIT}
    return render(request, "profiles/event_filters.html", shown)


@space_view(Role.ADMIN)
@require_http_methods(["GET", "POST"])
def event_filter_new(request: SpaceRequest) -> HttpResponse:
    form = EventFilterForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = form.carry_out(
            lambda: services.create_event_filter(
                space=request.space,
                actor=request.user,
                name=form.cleaned_data["name"],
                condition=form.cleaned_data["if"],
            )
        )
        if made is not None:
            messages.success(request, f"{made.name} was saved. It applies to events received from now on.")
            return redirect("profiles:event_filters", space=request.space.slug)
    return _page(request, form, None)


@space_view(Role.ADMIN)
@require_http_methods(["GET", "POST"])
def event_filter(request: SpaceRequest, filter_id: str) -> HttpResponse:
    row = _filter(request, filter_id)
    form = EventFilterNameForm(request.POST or None, initial={"name": row.name})
    if request.method == "POST" and form.is_valid():
        saved = form.carry_out(
            lambda: services.update_event_filter(row=row, actor=request.user, name=form.cleaned_data["name"])
        )
        if saved is not None:
            messages.success(request, f"{saved.name} was saved.")
            return redirect("profiles:event_filters", space=request.space.slug)
    return _page(request, form, row)


@space_view(write=Role.ADMIN)
@require_POST
def event_filter_toggle(request: SpaceRequest, filter_id: str) -> HttpResponse:
    is_enabled = request.POST.get("enabled") == "1"
    row = services.update_event_filter(row=_filter(request, filter_id), actor=request.user, is_enabled=is_enabled)
    messages.success(request, f"{row.name} is {'enabled' if row.is_enabled else 'disabled'}.")
    return redirect("profiles:event_filters", space=request.space.slug)


@space_view(write=Role.ADMIN)
@require_POST
def event_filter_delete(request: SpaceRequest, filter_id: str) -> HttpResponse:
    row = _filter(request, filter_id)
    services.delete_event_filter(row=row, actor=request.user)
    messages.success(request, f"{row.name} was deleted.")
    return redirect("profiles:event_filters", space=request.space.slug)


def _page(request: SpaceRequest, form: EventFilterNameForm, row: EventFilter | None) -> HttpResponse:
    status = 422 if request.method == "POST" else 200
    return render(request, "profiles/event_filter.html", {"form": form, "filter": row}, status=status)


def _filter(request: SpaceRequest, filter_id: str) -> EventFilter:
    rows = EventFilter.objects.in_space(request.space).select_related("space__workspace")
    row: EventFilter = get_object_or_404(rows, public_id=filter_id)
    return row
