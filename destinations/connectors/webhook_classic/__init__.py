"""Webhook (classic): every supported event, whole, as JSON to one address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from destinations.kit.definition import Context, DestinationDefinition
from destinations.kit.http import JSON_HEADERS, Request, checked_headers, checked_url
from destinations.kit.json_text import js_json
from destinations.kit.signing import signature_headers
from destinations.kit.tables import read_table


def send_event(context: Context, event: dict[str, Any]) -> Request:
    """The event as it is. Headers and signature come from the settings."""
    body = js_json(event)
    settings = context.settings
    headers = {
        **JSON_HEADERS,
        **checked_headers(settings.get("headers") or {}),
        **signature_headers(settings.get("sharedSecret") or "", body),
    }
    return Request(method="POST", url=checked_url(str(settings["url"])), headers=headers, body=body)


def delete_user(context: Context, ids: Mapping[str, str]) -> Request:
    """`{"type": "delete", "userId", "anonymousId", "email"}` to the address of the events."""
    return send_event(context, {"type": "delete", **ids})


table = read_table(__name__)
definition = DestinationDefinition(
    slug="webhook_classic",
    name="Webhook",
    framework="classic",
    description="Post every call of the connected audiences to an HTTP address, unchanged.",
    settings=table.settings,
    classic=send_event,
    delete_user=delete_user,
    identifiers="None. Every call is delivered, with whatever identifiers it carries.",
)
