"""What the mapping editor asks for while a person types: the live preview, and choices of fields."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from common.errors import ProductError
from destinations.services.asking import field_choices
from destinations.views.common import get_definition, get_destination
from destinations.views.mapping_editor import editing_of
from destinations.views.mappings import chosen_action, get_mapping
from spaces.access import SpaceRequest, space_view
from spaces.models import Role

SHOWN = 100


@space_view(write=Role.READ_ONLY)
@require_POST
def mapping_preview(request: SpaceRequest, destination_id: str) -> HttpResponse:
    """What the mapping being edited makes of the sample event. Saves and sends nothing."""
    found = get_destination(request, destination_id)
    action = chosen_action(get_definition(found), request.POST.get("action", ""))
    stored = request.POST.get("mapping", "")
    editing = editing_of(request, found, action, get_mapping(found, stored) if stored else None)
    editing.read(request.POST.get("event", ""))
    preview = editing.preview()
    shown = {
        "editing": editing,
        "form": editing.form,
        "preview": preview,
        "rows": editing.rows(preview),
        "is_fragment": 1,
    }
    return render(request, "destinations/_mapping_preview.html", shown)


@space_view(Role.ADMIN)
@require_GET
def mapping_choices(request: SpaceRequest, destination_id: str) -> HttpResponse:
    """`[{"value", "label", "hint"}]` for a field of an action: its own choices, or what the vendor says now.

    `payload` holds the other values filled in so far, as JSON.
    """
    found = get_destination(request, destination_id)
    action = chosen_action(get_definition(found), request.GET.get("action", ""))
    try:
        choices = field_choices(found, action, request.GET.get("field", ""), _payload(request.GET.get("payload", "")))
    except ProductError as error:
        return JsonResponse({"code": error.code, "detail": error.detail}, status=error.status)
    wanted = request.GET.get("q", "").strip().lower()
    options = [
        {
            "value": str(choice.value),
            "label": choice.label,
            "hint": "" if str(choice.value) == choice.label else str(choice.value),
        }
        for choice in choices
        if wanted in f"{choice.value} {choice.label}".lower()
    ]
    return JsonResponse(options[:SHOWN], safe=False)


def _payload(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
