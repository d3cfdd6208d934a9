"""Use as mapping sample: for an event found somewhere else, the mapping editors that it can be opened in."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from destinations import catalog
from destinations.models import Destination
from destinations.selectors import mappings_of
from destinations.services.mappings import LIMIT
from destinations.stored_samples import stored_sample
from destinations.views.common import destination_url
from spaces.access import SpaceRequest, space_view


@space_view()
@require_GET
def sample(request: SpaceRequest) -> HttpResponse:
    """Every destination with mappings, and its mappings; each link opens the editor with the event (`?event=`)."""
    reference = request.GET.get("event", "")
    event = stored_sample(request.space, reference, shows_pii=request.member.has_pii_access)
    query = urlencode({"event": reference})
    shown = {"event": event, "rows": _rows(request, query) if event is not None else []}
    return render(request, "destinations/sample.html", shown)


def _rows(request: SpaceRequest, query: str) -> list[dict[str, Any]]:
    found = []
    for destination in Destination.objects.in_space(request.space).filter(deleted_at=None).order_by("name"):
        definition = catalog.definition(destination.connector)
        if definition is None or not definition.actions:
            continue
        mappings = [
            {"mapping": one, "url": f"{destination_url('mapping', destination, mapping_id=one.public_id)}?{query}"}
            for one in mappings_of(destination)
            if definition.action(one.action) is not None
        ]
        can_add = len(mappings) < LIMIT
        new_url = f"{destination_url('mapping_new', destination)}?{query}" if can_add else ""
        found.append({"destination": destination, "definition": definition, "mappings": mappings, "new_url": new_url})
    return found
