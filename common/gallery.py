"""The component gallery: every component of docs/design-system.md with made-up values. Routed with ENGAGE_DEBUG."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

EVENTS = ("Item Viewed", "Item Added", "Order Completed", "Order Refunded", "Page Viewed", "Signed Up", "Plan Changed")
STATUSES = (
    ("Live", "Connected", "Delivered", "Published"),
    ("Preparing", "Computing", "Publishing", "In flight"),
    ("Paused", "Draining", "Retrying", "Degraded"),
    ("Failed", "Dead letter", "Invalid"),
    ("Draft", "Disabled", "Disconnected", "Not computing", "Filtered", "Archived"),
)
PAYLOAD = {
    "type": "track",
    "event": "Audience Entered",
    "messageId": "eng_01JD2K3M4N5P6Q7R8S9T",
    "userId": "u_48213",
    "properties": {"audience_key": "big_spenders", "audience_name": "Big spenders", "big_spenders": True, "orders": 3},
    "context": {
        "personas": {"computation_class": "audience", "space_id": "spa_9f2c", "namespace": None},
        "externalIds": [{"id": "ada@example.com", "type": "email", "collection": "users", "encoding": "none"}],
    },
    "timestamp": "2026-11-22T09:30:11.482Z",
}


class GalleryForm(forms.Form):
    name = forms.CharField(help_text="Shown in lists. The key is made from it.", initial="Big spenders")
    email = forms.EmailField(label="Notify", required=False)
    url = forms.URLField(label="Endpoint URL", assume_scheme="https")
    method = forms.ChoiceField(choices=[("POST", "POST"), ("PUT", "PUT"), ("PATCH", "PATCH")])
    headers = forms.CharField(
        label="Headers (JSON)", widget=forms.Textarea(attrs={"rows": 3, "class": "code-input"}), required=False
    )
    include_history = forms.BooleanField(
        label="Include history", required=False, help_text="Also counts events from before the audience was made."
    )
    mode = forms.ChoiceField(
        label="Setup", choices=[("default", "Default"), ("custom", "Customized")], widget=forms.RadioSelect
    )


def _context() -> dict[str, Any]:
    now = timezone.now()
    form = GalleryForm(
        {"name": "", "email": "ada@example", "url": "https://hooks.example.com/in", "method": "POST", "mode": "default"}
    )
    form.is_valid()
    names = ("Big spenders", "Cart abandoners", "Free plan, active weekly", "Lapsed 90 days", "Newsletter readers")
    statuses = ("Live", "Computing", "Paused", "Failed", "Draft")
    rows = [
        {
            "id": f"aud_{index}",
            "name": name,
            "key": name.lower().replace(",", "").replace(" ", "_"),
            "size": (11_662, 4_310, 28_904, None, 0)[index],
            "change": (120, -14, 0, None, None)[index],
            "status": statuses[index],
            "percent": 42 if index == 1 else None,
            "reason": "The destination refused the key (401)." if index == 3 else "",
            "changed_at": now - timedelta(minutes=(0, 3, 190, 2900, 190_000)[index]),
            "trend": [((index + 2) * step * 7) % 23 + step for step in range(24)],
        }
        for index, name in enumerate(names)
    ]
    return {
        "form": form,
        "clean_form": GalleryForm(prefix="sheet"),
        "rows": rows,
        "empty_list": [],
        "statuses": STATUSES,
        "payload": PAYLOAD,
        "curl": "curl https://hooks.example.com/in \\\n  -H 'Content-Type: application/json' \\\n  -d @payload.json",
        "tabs": [
            {"label": "Overview", "url": "?tab=overview", "active": True, "count": None},
            {"label": "Builder", "url": "?tab=builder", "active": False, "count": None},
            {"label": "Members", "url": "?tab=members", "active": False, "count": 11_662},
            {"label": "Delivery", "url": "?tab=delivery", "active": False, "count": None},
            {"label": "History", "url": "?tab=history", "active": False, "count": None},
            {"label": "Settings", "url": "?tab=settings", "active": False, "count": None},
        ],
        "ranges": [
            {"label": "24 h", "url": "?range=24h", "active": True},
            {"label": "7 d", "url": "?range=7d", "active": False},
            {"label": "14 d", "url": "?range=14d", "active": False},
        ],
        "facts": [
            {"label": "Key", "value": "big_spenders", "mono": True},
            {"label": "Created by", "value": "ada@example.com"},
            {"label": "Destinations", "value": "3 connected", "url": "?tab=destinations"},
        ],
        "stages": [
            {"title": "Destination filter", "state": "ok", "text": "No filter is set.", "note": "1 ms"},
            {
                "title": "Trigger",
                "state": "ok",
                "text": "type = “track” and event = “Audience Entered”",
                "note": "1 ms",
            },
            {"title": "Enrichment", "state": "skipped", "text": "Nothing to enrich."},
            {"title": "Request", "state": "ok", "note": "POST, 412 bytes"},
            {
                "title": "Response",
                "state": "failed",
                "text": "401 Unauthorized: the API key was refused.",
                "note": "184 ms",
            },
        ],
        "consequences": ["11,662 people leave 3 destinations.", "The key big_spenders can never be used again."],
        "trend": [12, 18, 9, 24, 31, 28, 40, 38, 52, 47, 60, 71],
    }


@login_not_required
@require_GET
def gallery(request: HttpRequest) -> HttpResponse:
    """`?part=sheet` is the side sheet, `?part=live` the live region, `?part=suggest&q=` the type-ahead's JSON."""
    part = request.GET.get("part")
    if part == "suggest":
        query = request.GET.get("q", "").lower()
        found = [{"value": name, "hint": f"{len(name)} min ago"} for name in EVENTS if query in name.lower()]
        return JsonResponse(found, safe=False)
    context = _context()
    if part == "sheet":
        return render(request, "components/gallery_sheet.html", context)
    if part == "live":
        return render(request, "components/gallery_live.html", {"now": timezone.now()})
    context["payload_text"] = json.dumps(PAYLOAD)
    return render(request, "components/gallery.html", context)
