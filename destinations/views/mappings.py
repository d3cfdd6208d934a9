"""The Mappings tab: what a destination does with events, and what can be done to each mapping."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from common.errors import ConflictError
from destinations.kit.definition import Action, DestinationDefinition
from destinations.models import Destination
from destinations.models import Mapping as MappingRow
from destinations.selectors import mappings_of
from destinations.services import mappings as services
from destinations.triggers import trigger_words
from destinations.views.common import destination_url, get_definition, get_destination, page_context
from spaces.access import SpaceRequest, space_view
from spaces.models import Role


@space_view()
@require_GET
def mapping_list(request: SpaceRequest, destination_id: str) -> HttpResponse:
    found = get_destination(request, destination_id)
    definition = get_definition(found)
    mappings = list(mappings_of(found))
    rows = []
    for row in mappings:
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
        "choices": action_choices(found, definition),
        "enabled": sum(row.is_enabled for row in mappings),
        "delete_consequences": [
            f"It is enabled: {found.name} gets nothing more from it, beginning with the next call.",
            "Its trigger, fields and enrichments are gone for good.",
        ],
    }
    return render(request, "destinations/mapping_list.html", shown)


@space_view(write=Role.ADMIN)
@require_POST
def mapping_toggle(request: SpaceRequest, destination_id: str, mapping_id: str) -> HttpResponse:
    found = get_destination(request, destination_id)
    row = services.set_mapping_enabled(
        mapping=get_mapping(found, mapping_id), actor=request.user, is_enabled=request.POST.get("enabled") == "1"
    )
    messages.success(request, f"{row.name} is {'enabled' if row.is_enabled else 'disabled'}.")
    return redirect(return_url(request) or destination_url("mappings", found))


@space_view(write=Role.ADMIN)
@require_POST
def mapping_duplicate(request: SpaceRequest, destination_id: str, mapping_id: str) -> HttpResponse:
    found = get_destination(request, destination_id)
    copy = services.duplicate_mapping(mapping=get_mapping(found, mapping_id), actor=request.user)
    messages.success(request, f"{copy.name} was made. It is disabled.")
    return redirect(return_url(request) or destination_url("mappings", found))


@space_view(write=Role.ADMIN)
@require_POST
def mapping_delete(request: SpaceRequest, destination_id: str, mapping_id: str) -> HttpResponse:
    found = get_destination(request, destination_id)
    row = get_mapping(found, mapping_id)
    services.delete_mapping(mapping=row, actor=request.user)
    messages.success(request, f"{row.name} was deleted.")
    return redirect(return_url(request) or destination_url("mappings", found))


def get_mapping(destination: Destination, mapping_id: str) -> MappingRow:
    row = mappings_of(destination).select_related("destination__space__workspace").filter(public_id=mapping_id).first()
    if row is None:
        raise Http404("There is no such mapping.")
    return row


def chosen_action(definition: DestinationDefinition, key: str) -> Action:
    if not definition.actions:
        raise ConflictError(f"{definition.name} takes every call as it is and has no mappings.")
    return definition.action(key) or definition.actions[0]


def action_choices(
    destination: Destination, definition: DestinationDefinition, query: dict[str, str] | None = None
) -> list[dict[str, Any]]:
    """What *Add mapping* offers (F162): each action with the address of its editor; `query` goes along."""
    base = destination_url("mapping_new", destination)
    return [
        {"action": action, "url": f"{base}?{urlencode({'action': action.key, **(query or {})})}"}
        for action in definition.actions
    ]


def return_url(request: SpaceRequest) -> str:
    """Where a person came from and goes back to: a page of this space, named by `return_to`; else ""."""
    url = request.POST.get("return_to") or request.GET.get("return_to", "")
    is_ours = url.startswith(f"/s/{request.space.slug}/") and url_has_allowed_host_and_scheme(url, allowed_hosts=None)
    return url if is_ours else ""
