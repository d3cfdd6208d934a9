"""Webhook (classic): every supported event, whole, as JSON to one address."""

from __future__ import annotations

from typing import Any

from destinations.kit.definition import Context, DestinationDefinition
from destinations.kit.http import JSON_HEADERS, Request, checked_headers, checked_url
from destinations.kit.json_text import js_json
from destinations.kit.signing import signature_headers
from engine.mapping.fields import Field


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


definition = DestinationDefinition(
    slug="webhook_classic",
    name="Webhook",
    framework="classic",
    description="Post every call of the connected audiences to an HTTP address, unchanged.",
    supported=("identify", "track", "page", "screen", "group", "alias"),
    settings=(
        Field(
            key="url",
            label="Webhook URL",
            format="uri",
            required=True,
            description="Where the events are posted to.",
            placeholder="https://example.com/hooks/segment",
        ),
        Field(
            key="headers",
            label="Headers",
            type="object",
            additional_properties=True,
            secret=True,
            description="More headers, as names and values. They are stored encrypted, since they often hold a key.",
        ),
        Field(
            key="sharedSecret",
            label="Shared secret",
            type="password",
            description="Requests are signed with it: X-Signature is the HMAC-SHA1 of the body in hexadecimal.",
        ),
    ),
    classic=send_event,
    identifiers="None. Every call is delivered, with whatever identifiers it carries.",
)
