"""`{% settings_tabs "sources" as tabs %}`: the pages of the settings area."""

from __future__ import annotations

from typing import Any

from django import template

from spaces.context import route_url
from spaces.entitlements import missing_feature
from spaces.models import Source, Space

register = template.Library()

PAGES = (
    ("general", "General", "spaces:settings"),
    ("sources", "Sources", "spaces:sources"),
    ("destinations", "Destinations", "destinations:list"),
    ("members", "Members", "spaces:members"),
    ("tokens", "API tokens", "spaces:tokens"),
    ("warehouses", "Warehouses", "traits:warehouses"),
    ("identity", "Identity resolution", "profiles:identity_rules"),
    ("debugger", "Debugger", "delivery:debugger"),
    ("filters", "Event filters", "profiles:event_filters"),
    ("privacy", "Privacy", "ingest:regulations"),
    ("audit", "Audit trail", "spaces:audit"),
)
# Of one source; the second is the page of an app above.
SOURCE_PAGES = (
    ("overview", "Overview", "spaces:source"),
    ("destinations", "Destinations", "delivery:source_destinations"),
)


@register.simple_tag(takes_context=True)
def source_tabs(context: template.Context, source: Source, current: str) -> list[dict[str, Any]]:
    space: Space = context["space"]
    return [
        {"label": label, "url": url, "active": slug == current}
        for slug, label, route in SOURCE_PAGES
        if (url := route_url(route, space, source_id=source.public_id))
    ]


@register.simple_tag(takes_context=True)
def settings_tabs(context: template.Context, current: str) -> list[dict[str, Any]]:
    space: Space = context["space"]
    return [
        {"label": label, "url": url, "active": slug == current}
        for slug, label, route in PAGES
        if (url := route_url(route, space)) and not missing_feature(space.workspace, route.partition(":")[0])
    ]


@register.filter
def dialog_id(key: object, prefix: str) -> str:
    """An id for the dialog of one row."""
    return f"{prefix}-{key}"
