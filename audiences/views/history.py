"""Tabs of an audience: who uses it, and who changed it."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from audiences.selectors.explaining import plain
from audiences.services.consumers import consumers as find_consumers
from audiences.views.audiences import audience_context, get_audience
from common.keyset import keyset_page
from engine import conditions
from engine.conditions import ConditionError
from spaces.access import SpaceRequest, space_view
from spaces.models import AuditEntry
from spaces.selectors import audit_entries

PAGE_SIZE = 25
WORDS = {
    "is_enabled": "enabled",
    "include_anonymous": "anonymous profiles",
    "include_historical": "history",
    "with_personal_data": "personal data",
}


@space_view()
@require_GET
def consumers(request: SpaceRequest, audience_id: str) -> HttpResponse:
    """Audiences, traits and journeys whose definitions name this one (W033)."""
    audience = get_audience(request, audience_id)
    context = audience_context(request, audience, "consumers") | {
        "consumers": find_consumers(space=request.space, audience=audience)
    }
    return render(request, "audiences/audience_consumers.html", context)


@space_view()
@require_GET
def history(request: SpaceRequest, audience_id: str) -> HttpResponse:
    """Every change of the audience, newest first, and every full computation."""
    audience = get_audience(request, audience_id)
    entries = audit_entries(request.space, text=audience.public_id).filter(object_id=audience.public_id)
    page = keyset_page(
        entries, after=request.GET.get("after", ""), before=request.GET.get("before", ""), size=PAGE_SIZE
    )
    context = audience_context(request, audience, "history") | {
        "page": page,
        "rows": [_row(entry) for entry in page.rows],
        "runs": audience.runs.order_by("-id")[:10],
    }
    return render(request, "audiences/audience_history.html", context)


def _row(entry: AuditEntry) -> dict[str, Any]:
    before, after = entry.before or {}, entry.after or {}
    verb = entry.action.partition(".")[2].replace("_", " ")
    changes = [
        {
            "field": WORDS.get(name, name.replace("_", " ")),
            "before": _said(name, before.get(name)) if name in before else None,
            "after": _said(name, after.get(name)) if name in after else None,
        }
        for name in dict.fromkeys([*before, *after])
    ]
    return {"entry": entry, "verb": verb, "changes": changes}


def _said(name: str, value: Any) -> str:
    """A value in words: a definition as its sentence, a switch as yes or no."""
    if name == "definition":
        try:
            return conditions.describe(conditions.parse(value))
        except ConditionError:
            return json.dumps(plain(value), ensure_ascii=False)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or "none"
    return str(value) if value not in (None, "") else "none"
