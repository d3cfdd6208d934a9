"""The Filters tab of a destination, and the editor of a filter with its verdict on a sample event.

The editor is one form whose buttons say by `do` what happens: save, check (the verdict), load (another sample event).
"""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from common.errors import FieldError, InvalidError
from destinations.filter_forms import FilterForm
from destinations.filter_texts import OPERATORS, as_chosen, described, rows_of
from destinations.models import Destination, DestinationFilter
from destinations.recent_events import recent_events
from destinations.samples import Connected, event_types, sample_event
from destinations.services import filters as services
from destinations.services.tester import new_test_message_id, new_test_user_id, read_event
from destinations.views.common import destination_url, get_definition, get_destination, page_context
from spaces.access import SpaceRequest, space_view
from spaces.models import Role

RECENT = "recent:"


@space_view()
@require_GET
def filter_list(request: SpaceRequest, destination_id: str) -> HttpResponse:
    found = get_destination(request, destination_id)
    rows = [
        {
            "filter": row,
            "does": described(row),
            "condition": as_chosen(row)[1],
            "url": destination_url("filter", found, filter_id=row.public_id),
        }
        for row in found.filters.order_by("pk")
    ]
    shown = page_context(request, found, "filters") | {
        "rows": rows,
        "limit": services.LIMIT,
        "can_add": len(rows) < services.LIMIT,
    }
    return render(request, "destinations/filter_list.html", shown)


@space_view(Role.READ_ONLY, write=Role.ADMIN)
@require_http_methods(["GET", "POST"])
def filter_new(request: SpaceRequest, destination_id: str) -> HttpResponse:
    found = get_destination(request, destination_id)
    form = FilterForm(request.POST or None, initial={"is_enabled": True})
    if _is_save(request) and form.is_valid():
        made = form.carry_out(lambda: services.create_filter(destination=found, actor=request.user, **form.values()))
        if made is not None:
            messages.success(request, f"{made.name} was saved. It applies to calls from now on.")
            return redirect(destination_url("filters", found))
    return _editor(request, found, form, None)


@space_view(Role.READ_ONLY, write=Role.ADMIN)
@require_http_methods(["GET", "POST"])
def filter_edit(request: SpaceRequest, destination_id: str, filter_id: str) -> HttpResponse:
    found = get_destination(request, destination_id)
    row = _filter(found, filter_id)
    form = FilterForm(request.POST or None, initial=FilterForm.initial_for(row))
    if _is_save(request) and form.is_valid():
        saved = form.carry_out(
            lambda: services.update_filter(
                row=row, actor=request.user, changes=form.values(), based_on=form.cleaned_data["based_on"]
            )
        )
        if saved is not None:
            messages.success(request, f"{saved.name} was saved. It applies to calls from now on.")
            return redirect(destination_url("filters", found))
    return _editor(request, found, form, row)


@space_view(write=Role.READ_ONLY)
@require_POST
def filter_preview(request: SpaceRequest, destination_id: str) -> HttpResponse:
    """What the filter being edited does with the sample event. Saves and sends nothing."""
    found = get_destination(request, destination_id)
    form = FilterForm(request.POST)
    return render(request, "destinations/_filter_verdict.html", _verdict(found, form, request.POST.get("event", "")))


@space_view(write=Role.ADMIN)
@require_POST
def filter_toggle(request: SpaceRequest, destination_id: str, filter_id: str) -> HttpResponse:
    found = get_destination(request, destination_id)
    is_enabled = request.POST.get("enabled") == "1"
    row = services.set_filter_enabled(row=_filter(found, filter_id), actor=request.user, is_enabled=is_enabled)
    messages.success(request, f"{row.name} is {'enabled' if row.is_enabled else 'disabled'}.")
    return redirect(destination_url("filters", found))


@space_view(write=Role.ADMIN)
@require_POST
def filter_delete(request: SpaceRequest, destination_id: str, filter_id: str) -> HttpResponse:
    found = get_destination(request, destination_id)
    row = _filter(found, filter_id)
    services.delete_filter(row=row, actor=request.user)
    messages.success(request, f"{row.name} was deleted.")
    return redirect(destination_url("filters", found))


def _editor(
    request: SpaceRequest, destination: Destination, form: FilterForm, row: DestinationFilter | None
) -> HttpResponse:
    event = request.POST.get("event", "")
    samples = _samples(request, destination)
    if request.POST.get("do") == "load" or not event:
        event = _sample(request, destination, request.POST.get("sample", ""))
    condition = str(form["condition"].value() or "")
    rows = rows_of(condition) if condition else {"joiner": "and", "rows": []}
    shown = page_context(request, destination, "filters") | {
        "form": form,
        "filter": row,
        "event": event,
        "samples": samples,
        "sample": request.POST.get("sample", ""),
        "operators": OPERATORS.items(),
        "rows": rows["rows"] if rows else [],
        "joiner": rows["joiner"] if rows else "and",
        "has_rows": rows is not None,
        "preview_url": destination_url("filter_preview", destination),
    }
    if request.method == "POST":
        shown |= _verdict(destination, form, event)
    status = 422 if _is_save(request) else 200
    return render(request, "destinations/filter.html", shown, status=status)


def _verdict(destination: Destination, form: FilterForm, text: str) -> dict[str, Any]:
    """`problems`, `event_error`, and of a filter that can be applied `judgement` and what is left of the event.

    None of them before a condition is written.
    """
    form.is_valid()
    try:
        event = read_event(text)
    except InvalidError as error:
        return {"event_error": error.detail, "problems": []}
    if not str(form["condition"].value() or "").strip():
        return {"problems": []}
    if typed := form.errors.get("condition"):
        return {"problems": [FieldError(path="/condition", code="invalid", detail=str(one)) for one in typed]}
    problems, judgement = services.preview_filter(form.draft(destination), event)
    shown: dict[str, Any] = {
        "problems": [problem for problem in problems if problem.path not in ("/name", "/description")],
        "judgement": judgement,
    }
    if judgement is not None:
        shown["left"] = None if judgement.stopped else judgement.event
        shown["is_changed"] = judgement.stopped is None and judgement.event != event
    return shown


def _samples(request: SpaceRequest, destination: Destination) -> list[tuple[str, str]]:
    """(key, words) of the sample events: one of each type, and the newest real ones."""
    made = [(key, f"Generated: {words}") for key, words in event_types(get_definition(destination), Connected())]
    shows_pii = request.member.has_pii_access
    recent = recent_events(destination, shows_pii=shows_pii)
    return made + [(RECENT + one.id, f"{one.title} · {one.who} · {one.at:%d %b %H:%M}") for one in recent]


def _sample(request: SpaceRequest, destination: Destination, key: str) -> str:
    if key.startswith(RECENT):
        recent = recent_events(destination, shows_pii=request.member.has_pii_access)
        found = next((one for one in recent if RECENT + one.id == key), None)
        if found is not None:
            return json.dumps(found.event, indent=2, ensure_ascii=False)
    definition = get_definition(destination)
    types = event_types(definition, Connected())
    chosen = key if key in dict(types) else (types[0][0] if types else "track-enter")
    event = sample_event(
        space=request.space,
        definition=definition,
        connected=Connected(),
        event_type=chosen,
        test_user_id=new_test_user_id(),
        message_id=new_test_message_id(),
        now=timezone.now(),
    )
    return json.dumps(event, indent=2, ensure_ascii=False)


def _is_save(request: SpaceRequest) -> bool:
    return request.method == "POST" and request.POST.get("do", "save") == "save"


def _filter(destination: Destination, filter_id: str) -> DestinationFilter:
    rows = DestinationFilter.objects.select_related("destination__space__workspace")
    row = rows.filter(destination=destination, public_id=filter_id).first()
    if row is None:
        raise Http404("There is no such filter.")
    return row
