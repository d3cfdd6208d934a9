"""Type-ahead over what was observed: `observed.json?kind=…&q=…` answers `[{"value", "label", "hint", …}]`."""

from __future__ import annotations

from django.http import JsonResponse
from django.views.decorators.http import require_GET

from profiles.selectors import observed as selectors
from spaces.access import SpaceRequest, space_view

KINDS = ("event", "property", "trait", "value", "identifier")


@space_view()
@require_GET
def observed(request: SpaceRequest) -> JsonResponse:
    """kind=event (type), property (event, type), trait (collection), value (path; event and type, or collection),
    identifier (collection). `type` is track, page or screen; `collection` users or accounts; `q` is what was typed.
    """
    given = {name: request.GET.get(name, "") for name in ("kind", "q", "type", "event", "collection", "path")}
    kind, text, shows_pii = given["kind"], given["q"], request.member.has_pii_access
    of_event = {"event_type": given["type"], "event": given["event"]}
    if kind == "event":
        found = selectors.observed_events(request.space, text=text, event_type=given["type"])
    elif kind == "property":
        found = selectors.observed_properties(request.space, text=text, shows_pii=shows_pii, **of_event)
    elif kind == "trait":
        found = selectors.observed_traits(request.space, text=text, collection=given["collection"], shows_pii=shows_pii)
    elif kind == "value":
        found = selectors.observed_values(
            request.space,
            path=given["path"],
            text=text,
            collection=given["collection"],
            shows_pii=shows_pii,
            **of_event,
        )
    elif kind == "identifier":
        found = selectors.observed_identifiers(request.space, text=text, collection=given["collection"])
    else:
        detail = f"kind must be one of {', '.join(KINDS)}."
        body = {
            "code": "unknown_kind",
            "detail": detail,
            "errors": [{"path": "/kind", "code": "unknown_kind", "detail": detail}],
        }
        return JsonResponse(body, status=400)
    return JsonResponse(found, safe=False)
