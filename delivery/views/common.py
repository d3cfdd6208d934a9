"""What the pages of delivery share: words, addresses, tabs, and the filters that links keep."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from spaces.access import SpaceRequest

STATUS_WORDS = {
    "delivered": "Delivered",
    "filtered": "Filtered",
    "failed": "Failed",
    "waiting": "Waiting",
    "in_flight": "In flight",
    "superseded": "Superseded",
}
TABS = (
    ("overview", "Overview"),
    ("calls", "Messages"),
    ("trace", "Trace"),
    ("dead_letters", "Dead letters"),
    ("replays", "Replays"),
)


def calls_url(request: SpaceRequest, **query: str) -> str:
    url = reverse("delivery:calls", kwargs={"space": request.space.slug})
    return f"{url}?{urlencode(query)}" if query else url


def page_tabs(request: SpaceRequest, active: str, **counts: int) -> list[dict[str, Any]]:
    """The tabs of the section; `counts` by the name of the tab."""
    return [
        {
            "label": label,
            "url": reverse(f"delivery:{name}", kwargs={"space": request.space.slug}),
            "active": name == active,
            "count": counts.get(name),
        }
        for name, label in TABS
    ]


def kept_query(request: SpaceRequest, names: Iterable[str]) -> dict[str, str]:
    """The filters that are set, for links to the same list."""
    return {name: value for name in names if (value := request.GET.get(name, "").strip())}
