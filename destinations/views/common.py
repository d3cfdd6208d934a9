"""What the pages of one destination share: finding it, its tabs, the addresses of other apps."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.urls import NoReverseMatch, reverse

from common.errors import ConflictError
from destinations.catalog import definition as find_definition
from destinations.kit.definition import DestinationDefinition
from destinations.models import Destination
from destinations.selectors import find_destination
from spaces.access import SpaceRequest


def get_destination(request: SpaceRequest, public_id: str) -> Destination:
    found = find_destination(request.space, public_id)
    if found is None:
        raise Http404("There is no such destination in this space.")
    return found


def get_definition(destination: Destination) -> DestinationDefinition:
    found = find_definition(destination.connector)
    if found is None:
        raise ConflictError(f"The connector {destination.connector!r} is not installed in this version.")
    return found


def destination_url(route: str, destination: Destination, **more: str) -> str:
    kwargs = {"space": destination.space.slug, "destination_id": destination.public_id, **more}
    return reverse(f"destinations:{route}", kwargs=kwargs)


def url_above(route: str, destination: Destination) -> str:
    """The address of a page that an app above has about a destination; "" when there is none."""
    try:
        return reverse(route, kwargs={"space": destination.space.slug, "destination_id": destination.public_id})
    except NoReverseMatch:
        return ""


def page_context(request: SpaceRequest, destination: Destination, tab: str) -> dict[str, Any]:
    """Everything that the frame of a destination's page needs; `tab` is the active one."""
    definition = find_definition(destination.connector)
    entries: list[tuple[str, str, int | None]] = [("detail", "Overview", None)]
    if definition is not None and definition.actions:
        entries.append(("mappings", "Mappings", destination.mappings.count()))
    entries.append(("filters", "Filters", destination.filters.count()))
    if definition is not None and definition.kind == "event":
        entries.append(("tester", "Event tester", None))
    tabs: list[dict[str, Any]] = [
        {"label": label, "url": destination_url(route, destination), "active": route == tab, "count": count}
        for route, label, count in entries
    ]
    if delivery_url := url_above("delivery:destination", destination):
        tabs.append({"label": "Delivery", "url": delivery_url, "active": tab == "delivery"})
    if alerts_url := url_above("alerts:destination", destination):
        tabs.append({"label": "Alerts", "url": alerts_url, "active": tab == "alerts"})
    tabs.append({"label": "Settings", "url": destination_url("settings", destination), "active": tab == "settings"})
    return {"destination": destination, "definition": definition, "tabs": tabs}
