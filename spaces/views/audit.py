"""Settings: Audit trail."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from common.keyset import keyset_page
from spaces.access import SpaceRequest, space_view
from spaces.models import AuditEntry, Member
from spaces.personal import shown_to
from spaces.selectors import audit_entries, audit_nouns, members_of

RANGES = {"1": "Last 24 hours", "7": "Last 7 days", "30": "Last 30 days", "": "All time"}


@space_view()
@require_GET
def audit_trail(request: SpaceRequest) -> HttpResponse:
    filters = {name: request.GET.get(name, "").replace("\0", "").strip() for name in ("actor", "action", "q", "days")}
    days = filters["days"] if filters["days"] in RANGES else ""
    entries = audit_entries(
        request.space,
        actor=filters["actor"],
        action=filters["action"],
        text=filters["q"],
        since=timezone.now() - timedelta(days=int(days)) if days else None,
    )
    page = keyset_page(entries, after=request.GET.get("after", ""), before=request.GET.get("before", ""), size=50)
    shown = {
        "page": page,
        "rows": [_row(entry, request.member) for entry in page.rows],
        "filters": filters,
        "is_filtered": any(filters.values()),
        "nouns": audit_nouns(request.space),
        "members": members_of(request.space.workspace),
        "ranges": RANGES,
    }
    return render(request, "spaces/audit_trail.html", shown)


def _row(entry: AuditEntry, member: Member) -> dict[str, Any]:
    """The entry with its changes: `[{"field", "before", "after"}]`, None where there is no such side."""
    before, after = shown_to(member, entry.before or {}), shown_to(member, entry.after or {})
    noun, _, verb = entry.action.partition(".")
    changes = [
        {"field": key, "before": _shown(before, key), "after": _shown(after, key)}
        for key in dict.fromkeys([*before, *after])
    ]
    return {"entry": entry, "noun": noun.replace("_", " "), "verb": verb.replace("_", " "), "changes": changes}


def _shown(state: dict[str, Any], key: str) -> str | None:
    if key not in state:
        return None
    value = state[key]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
