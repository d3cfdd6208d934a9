"""Send: one request per event, or many events as one JSON list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import JSON_HEADERS, Request, checked_headers, checked_url
from destinations.kit.json_text import js_json
from destinations.kit.signing import signature_headers

METHODS = ("POST", "PUT", "PATCH")


def perform(context: Context, payload: dict[str, Any]) -> Request:
    """The payload's `data` as the body. The signature covers exactly what is sent."""
    return _request(context, payload, js_json(payload.get("data", {})), signed=None)


def perform_batch(context: Context, items: list[Item]) -> Conversation:
    """All `data` as one list, to the address, method and headers of the first: batches are grouped by these.

    `X-Signature` covers the first item only, as receivers of such batches expect; `X-Signature-256` the whole body.
    """
    bodies = [js_json(item.payload.get("data", {})) for item in items]
    yield _request(context, items[0].payload, b"[" + b",".join(bodies) + b"]", signed=bodies[0])


def delete_user(context: Context, ids: Mapping[str, str]) -> Request:
    """`{"type": "delete", "userId", "anonymousId", "email"}` to the URL of the settings."""
    if not context.settings.get("url"):
        raise PayloadValidationError("Requests to delete people go to the URL of the settings, and there is none.")
    return _request(context, {}, js_json({"type": "delete", **ids}), signed=None)


def _request(context: Context, payload: dict[str, Any], body: bytes, *, signed: bytes | None) -> Request:
    url = payload.get("url") or context.settings.get("url")
    if not url:
        raise PayloadValidationError("There is no URL. Fill it in in the destination's settings or in the mapping.")
    method = payload.get("method", "POST")
    if method not in METHODS:
        raise PayloadValidationError(f"The method has to be one of {', '.join(METHODS)}.")
    custom = payload.get("headers")
    secret = context.settings.get("sharedSecret")
    headers = JSON_HEADERS
    if custom or secret:
        headers = {
            **JSON_HEADERS,
            **(checked_headers(custom) if custom else {}),
            **(signature_headers(secret, body, signed=signed) if secret else {}),
        }
    return Request(method=method, url=checked_url(str(url)), headers=headers, body=body)
