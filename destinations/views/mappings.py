"""The Mappings tab and the mapping editor with its live preview."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from common.errors import ConflictError, InvalidError
from destinations.forms import SOURCE, MappingForm
from destinations.kit.definition import Action, DestinationDefinition
from destinations.models import Destination
from destinations.models import Mapping as MappingRow
from destinations.previews import preview, trigger_words
from destinations.samples import Connected, event_types, sample_event
from destinations.selectors import mappings_of
from destinations.services import mappings as services
from destinations.services.tester import new_test_message_id, new_test_user_id, read_event
from destinations.views.common import destination_url, get_definition, get_destination, page_context
from spaces.access import SpaceRequest, space_view
from spaces.models import Role


@space_view()
@require_GET
def mapping_list(request: SpaceRequest, destination_id: str) -> HttpResponse:
    found = get_destination(request, destination_id)
    definition = get_definition(found)
    rows = []
    for row in mappings_of(found):
        action = definition.action(row.action)
        rows.append(
            {
                "mapping": row,
                "words": trigger_words(row.trigger),
                "action": action.title if action else row.action,
                "url": destination_url("mapping", found, mapping_id=row.public_id),
            }
        )
    shown = page_context(request, found, "mappings") | {
        "rows": rows,
        "limit": services.LIMIT,
        "is_applicable": bool(definition.actions),
        "can_add": bool(definition.actions) and len(rows) < services.LIMIT,
    }
    return render(request, "destinations/mapping_list.html", shown)


@space_view(Role.READ_ONLY, write=Role.ADMIN)
@require_http_methods(["GET", "POST"])
def mapping_new(request: SpaceRequest, destination_id: str) -> HttpResponse:
    found = get_destination(request, destination_id)
    definition = get_definition(found)
    action = _chosen_action(definition, request.GET.get("action", ""))
    initial = {
        "name": action.title,
        "trigger": action.default_trigger,
        **MappingForm.initial_for(action.default_fields()),
    }
    form = MappingForm(request.POST or None, action=action, initial=initial)
    if request.method == "POST" and form.is_valid():
        made = form.carry_out(
            lambda: services.create_mapping(
                destination=found,
                actor=request.user,
                action=action.key,
                name=form.cleaned_data["name"],
                trigger=form.cleaned_data["trigger"],
                fields=form.mapping_fields(_hidden_defaults(action)),
                is_enabled="enable" in request.POST,
            )
        )
        if made is not None:
            said = "and is enabled" if made.is_enabled else "and is disabled until you enable it"
            messages.success(request, f"{made.name} was saved {said}.")
            return redirect(destination_url("mapping", found, mapping_id=made.public_id))
    return _editor(request, found, action, form, None)


@space_view(Role.READ_ONLY, write=Role.ADMIN)
@require_http_methods(["GET", "POST"])
def mapping(request: SpaceRequest, destination_id: str, mapping_id: str) -> HttpResponse:
    found = get_destination(request, destination_id)
    row = _mapping(found, mapping_id)
    action = get_definition(found).action(row.action)
    if action is None:
        raise ConflictError(f"The action {row.action!r} is not part of this connector any more.")
    initial = {
        "name": row.name,
        "trigger": row.trigger,
        "based_on": row.updated_at.isoformat(),
        **MappingForm.initial_for(row.fields),
    }
    form = MappingForm(request.POST or None, action=action, initial=initial)
    if request.method == "POST" and form.is_valid():
        saved = form.carry_out(
            lambda: services.update_mapping(
                mapping=row,
                actor=request.user,
                name=form.cleaned_data["name"],
                trigger=form.cleaned_data["trigger"],
                fields=form.mapping_fields(row.fields),
                is_enabled=True if "enable" in request.POST else None,
                based_on=form.cleaned_data["based_on"],
            )
        )
        if saved is not None:
            messages.success(request, f"{saved.name} was saved{' and is enabled' if 'enable' in request.POST else ''}.")
            return redirect(destination_url("mapping", found, mapping_id=saved.public_id))
    return _editor(request, found, action, form, row)


@space_view(write=Role.READ_ONLY)
@require_POST
def mapping_preview(request: SpaceRequest, destination_id: str) -> HttpResponse:
    """What the mapping being edited makes of the sample event. Saves and sends nothing."""
    found = get_destination(request, destination_id)
    action = _chosen_action(get_definition(found), request.POST.get("action", ""))
    form = MappingForm(request.POST, action=action)
    form.is_valid()
    event_error, event = "", {}
    try:
        event = read_event(request.POST.get("event", ""))
    except InvalidError as error:
        event_error = error.detail
    typed = {
        form.fields[SOURCE + key].label: problems for key in form.order if (problems := form.errors.get(SOURCE + key))
    }
    shown = preview(
        config_of=found,
        action=action,
        trigger=request.POST.get("trigger", ""),
        fields=form.mapping_fields(_hidden_defaults(action)),
        event=event,
    )
    return render(
        request, "destinations/_mapping_preview.html", {"preview": shown, "event_error": event_error, "typed": typed}
    )


@space_view(write=Role.ADMIN)
@require_POST
def mapping_toggle(request: SpaceRequest, destination_id: str, mapping_id: str) -> HttpResponse:
    found = get_destination(request, destination_id)
    row = services.set_mapping_enabled(
        mapping=_mapping(found, mapping_id), actor=request.user, is_enabled=request.POST.get("enabled") == "1"
    )
    messages.success(request, f"{row.name} is {'enabled' if row.is_enabled else 'disabled'}.")
    return redirect(destination_url("mappings", found))


@space_view(write=Role.ADMIN)
@require_POST
def mapping_duplicate(request: SpaceRequest, destination_id: str, mapping_id: str) -> HttpResponse:
    found = get_destination(request, destination_id)
    copy = services.duplicate_mapping(mapping=_mapping(found, mapping_id), actor=request.user)
    messages.success(request, f"{copy.name} was made. It is disabled.")
    return redirect(destination_url("mappings", found))


@space_view(write=Role.ADMIN)
@require_POST
def mapping_delete(request: SpaceRequest, destination_id: str, mapping_id: str) -> HttpResponse:
    found = get_destination(request, destination_id)
    row = _mapping(found, mapping_id)
    services.delete_mapping(mapping=row, actor=request.user)
    messages.success(request, f"{row.name} was deleted.")
    return redirect(destination_url("mappings", found))


def _editor(
    request: SpaceRequest, destination: Destination, action: Action, form: MappingForm, row: MappingRow | None
) -> HttpResponse:
    definition = get_definition(destination)
    connected = Connected.from_query(request.GET)
    types = event_types(definition, connected)
    chosen = request.GET.get("sample", "track-enter")
    event = sample_event(
        space=request.space,
        definition=definition,
        connected=connected,
        event_type=chosen if chosen in dict(types) else types[0][0],
        test_user_id=new_test_user_id(),
        message_id=new_test_message_id(),
        now=timezone.now(),
    )
    required = {item.key for item in action.fields if item.required is True}
    sources: list[dict[str, Any]] = [
        {"field": form[SOURCE + key], "key": key, "is_required": key in required} for key in form.order
    ]
    shown = page_context(request, destination, "mappings") | {
        "form": form,
        "action": action,
        "actions": definition.actions,
        "mapping": row,
        "sources": sorted(sources, key=lambda source: not source["is_required"]),
        "event": request.POST.get("event") or json.dumps(event, indent=2, ensure_ascii=False),
        "types": types,
        "chosen": chosen,
        "preview_url": destination_url("mapping_preview", destination),
    }
    return render(request, "destinations/mapping.html", shown, status=422 if form.errors else 200)


def _mapping(destination: Destination, mapping_id: str) -> MappingRow:
    row = mappings_of(destination).select_related("destination__space__workspace").filter(public_id=mapping_id).first()
    if row is None:
        raise Http404("There is no such mapping.")
    return row


def _chosen_action(definition: DestinationDefinition, key: str) -> Action:
    if not definition.actions:
        raise ConflictError(f"{definition.name} takes every call as it is and has no mappings.")
    return definition.action(key) or definition.actions[0]


def _hidden_defaults(action: Action) -> dict[str, Any]:
    return {item.key: item.default for item in action.fields if item.hidden and item.default is not None}
