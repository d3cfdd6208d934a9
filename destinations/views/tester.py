"""The event tester: a tab of the destination, and a fragment inside the side sheet of an audience or a journey step.

The fragment is `GET …/tester/` with HX-Request and, in the query, the parameters of `samples.Connected`.
"""

from __future__ import annotations

import json
import shlex
from typing import Any

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from common.errors import InvalidError
from destinations.models import Destination, EventTest
from destinations.samples import Connected, event_types, sample_event
from destinations.services.tester import (
    NO_TESTER_FOR_LISTS,
    build_only,
    new_test_message_id,
    new_test_user_id,
    read_event,
    send_test_event,
)
from destinations.views.common import destination_url, get_definition, get_destination, page_context
from spaces.access import SpaceRequest, space_view
from spaces.models import Role

TITLES = {
    "destination": "Destination",
    "event_type": "Event type",
    "integrations": "Routing",
    "filters": "Destination filters",
    "settings": "Settings",
    "trigger": "Trigger",
    "mapping": "Mapping and validation",
    "request": "Request",
    "response": "Response",
}
WORDS = {
    "delivered": ("success", "The destination accepted the event."),
    "built": ("info", "Built, not sent."),
    "filtered": ("warning", "The event was filtered: nothing was sent."),
    "failed": ("error", "The destination did not accept the event."),
}


@space_view()
@require_GET
def event_tester(request: SpaceRequest, destination_id: str) -> HttpResponse:
    found = get_destination(request, destination_id)
    shown = _tester_context(request, found, request.GET)
    if chosen := request.GET.get("test"):
        test = EventTest.objects.filter(destination=found, public_id=chosen).first()
        if test is not None:
            shown |= {"result": shown_result(test.result), "event": _text(test.event), "test_user_id": ""}
    return _answer(request, found, shown)


@space_view()
@require_GET
def event_sample(request: SpaceRequest, destination_id: str) -> HttpResponse:
    """A new body for the chosen Event Type, with a new test user id (F016)."""
    found = get_destination(request, destination_id)
    return render(request, "destinations/_tester_event.html", _tester_context(request, found, request.GET))


@space_view(write=Role.USER)
@require_POST
def event_send(request: SpaceRequest, destination_id: str) -> HttpResponse:
    found = get_destination(request, destination_id)
    text = request.POST.get("event", "")
    status, error, result = 200, "", None
    try:
        event = read_event(text)
        applies_filters = request.POST.get("apply_filters") == "1"
        if "build" in request.POST:
            result = shown_result(build_only(destination=found, event=event, applies_filters=applies_filters))
        else:
            test = send_test_event(
                destination=found, sent_by=request.user, event=event, applies_filters=applies_filters
            )
            result = shown_result(test.result)
    except InvalidError as refused:
        status, error = 422, refused.detail
    shown = {"result": result, "event_error": error, "destination": found}
    if request.htmx:
        return render(request, "destinations/_lifecycle.html", shown, status=status)
    shown = _tester_context(request, found, request.POST) | shown | {"event": text, "test_user_id": ""}
    return _answer(request, found, shown, status=status)


def shown_result(result: dict[str, Any]) -> dict[str, Any]:
    """A stored result in the words of the page: stages, banner, and each call with a curl line (no secrets in it)."""
    tone, words = WORDS.get(result["outcome"], WORDS["failed"])
    return result | {
        "tone": tone,
        "words": words,
        "shown_stages": [
            {
                "title": TITLES.get(stage["name"], stage["name"]),
                "state": "ok" if stage["ok"] else "failed",
                "text": stage["detail"],
            }
            for stage in result["stages"]
        ],
        "calls": [
            call
            | {
                "exchanges": [exchange | {"curl": curl_line(exchange["request"])} for exchange in call["exchanges"]],
                "log_text": "\n".join(call.get("logs", ())),
            }
            for call in result["calls"]
        ],
    }


def curl_line(request: dict[str, Any]) -> str:
    parts = ["curl", "-X", request["method"], shlex.quote(request["url"])]
    for name, value in request["headers"].items():
        parts += ["-H", shlex.quote(f"{name}: {value}")]
    if request["body"]:
        parts += ["--data-raw", shlex.quote(request["body"])]
    return " ".join(parts)


def _tester_context(request: SpaceRequest, destination: Destination, query: QueryDict) -> dict[str, Any]:
    definition = get_definition(destination)
    if definition.kind == "list":
        return {"destination": destination, "no_tester": NO_TESTER_FOR_LISTS}
    connected = Connected.from_query({key: str(value) for key, value in query.items()})
    types = event_types(definition, connected)
    chosen = str(query.get("type", ""))
    if chosen not in dict(types):
        chosen = types[0][0] if types else ""
    test_user_id = new_test_user_id()
    event = sample_event(
        space=request.space,
        definition=definition,
        connected=connected,
        event_type=chosen,
        test_user_id=test_user_id,
        message_id=new_test_message_id(),
        now=timezone.now(),
    )
    return {
        "destination": destination,
        "types": types,
        "chosen": chosen,
        "connected": connected,
        "connection_query": connected.query(),
        "test_user_id": test_user_id,
        "event": _text(event),
        "tester_url": destination_url("tester", destination),
        "event_url": destination_url("tester_event", destination),
        "send_url": destination_url("tester_send", destination),
        "enabled_mappings": destination.mappings.filter(is_enabled=True).count(),
        "is_actions": bool(definition.actions),
        "filter_count": destination.filters.filter(is_enabled=True).count(),
    }


def _answer(request: SpaceRequest, destination: Destination, shown: dict[str, Any], status: int = 200) -> HttpResponse:
    if request.htmx:
        return render(request, "destinations/_tester.html", shown, status=status)
    shown = page_context(request, destination, "tester") | shown
    shown["tests"] = destination.tests.select_related("sent_by").order_by("-pk")
    return render(request, "destinations/tester.html", shown, status=status)


def _text(event: Any) -> str:
    return json.dumps(event, indent=2, ensure_ascii=False)
