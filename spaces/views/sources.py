"""Settings: Sources: where events come from, their write keys, and how to send the first event."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from spaces.access import SpaceRequest, allows, space_view
from spaces.context import route_url
from spaces.forms import SourceForm
from spaces.models import Role, Source
from spaces.selectors import sources_of
from spaces.services import sources as services
from spaces.snippets import first_event_snippets


@space_view()
@require_GET
def source_list(request: SpaceRequest) -> HttpResponse:
    shown = {"sources": sources_of(request.space), "counts_url": route_url("ingest:source_counts", request.space)}
    return render(request, "spaces/source_list.html", shown)


@space_view(Role.ADMIN)
@require_http_methods(["GET", "POST"])
def source_new(request: SpaceRequest) -> HttpResponse:
    form = SourceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        source = form.carry_out(
            lambda: services.create_source(space=request.space, actor=request.user, name=form.cleaned_data["name"])
        )
        if source is not None:
            messages.success(request, f"The source {source.name} was created. Send it a first event.")
            return _to(source)
    return render(request, "spaces/source_new.html", {"form": form}, status=422 if request.method == "POST" else 200)


@space_view()
@require_GET
def source(request: SpaceRequest, source_id: str) -> HttpResponse:
    found = _source(request, source_id)
    return _page(request, found, SourceForm(initial={"name": found.name}))


@space_view(write=Role.ADMIN)
@require_POST
def source_rename(request: SpaceRequest, source_id: str) -> HttpResponse:
    found = _source(request, source_id)
    form = SourceForm(request.POST)
    if form.is_valid():
        name = form.cleaned_data["name"]
        if form.carry_out(lambda: services.rename_source(source=found, actor=request.user, name=name)):
            messages.success(request, "The name was saved.")
            return _to(found)
    return _page(request, _source(request, source_id), form, status=422)


@space_view(write=Role.ADMIN)
@require_POST
def source_rotate(request: SpaceRequest, source_id: str) -> HttpResponse:
    found = services.rotate_key(source=_source(request, source_id), actor=request.user)
    messages.success(request, "The source has a new write key. The old one no longer works.")
    return _to(found)


@space_view(write=Role.ADMIN)
@require_POST
def source_toggle(request: SpaceRequest, source_id: str) -> HttpResponse:
    is_enabled = request.POST.get("enabled") == "1"
    found = services.set_source_enabled(source=_source(request, source_id), actor=request.user, is_enabled=is_enabled)
    messages.success(request, f"{found.name} is {'enabled' if is_enabled else 'disabled: its events are rejected'}.")
    return _to(found)


def _source(request: SpaceRequest, source_id: str) -> Source:
    rows = Source.objects.in_space(request.space).select_related("space")
    found: Source = get_object_or_404(rows, public_id=source_id)
    return found


def _to(source: Source) -> HttpResponse:
    return redirect("spaces:source", space=source.space.slug, source_id=source.public_id)


def _page(request: SpaceRequest, source: Source, form: SourceForm, status: int = 200) -> HttpResponse:
    # A write key lets anybody write into the space: who may not change settings does not see it either.
    key = source.write_key if allows(request.member, Role.ADMIN) else ""
    shown = {
        "source": source,
        "form": form,
        "write_key": key,
        "endpoint": settings.ENGAGE_URL,
        "snippets": first_event_snippets(endpoint=settings.ENGAGE_URL, write_key=key or "YOUR_WRITE_KEY"),
    }
    return render(request, "spaces/source.html", shown, status=status)
