"""Send: one request per event, or many events as one JSON list."""

from __future__ import annotations

from typing import Any

from destinations.kit.definition import Action, Context, Conversation
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import JSON_HEADERS, Request, checked_headers, checked_url
from destinations.kit.json_text import js_json
from destinations.kit.signing import signature_headers
from engine.mapping.fields import Field

METHODS = ("POST", "PUT", "PATCH")


def perform(context: Context, payload: dict[str, Any]) -> Request:
    """The payload's `data` as the body. The signature covers exactly what is sent."""
    return _request(context, payload, js_json(payload.get("data", {})), signed=None)


def perform_batch(context: Context, payloads: list[dict[str, Any]]) -> Conversation:
    """All `data` as one list, to the address, method and headers of the first: batches are grouped by these.

    `X-Signature` covers the first item only, as receivers of such batches expect; `X-Signature-256` the whole body.
    """
    items = [js_json(payload.get("data", {})) for payload in payloads]
    yield _request(context, payloads[0], b"[" + b",".join(items) + b"]", signed=items[0])


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


send = Action(
    key="send",
    title="Send",
    description="Send an event, or a part of it, to the URL.",
    default_trigger='context.personas.computation_class = "audience"',
    perform=perform,
    perform_batch=perform_batch,
    fields=(
        Field(
            key="url",
            label="URL",
            format="uri",
            description="Where to send. Left empty, the URL of the destination's settings.",
        ),
        Field(
            key="method",
            label="Method",
            choices=METHODS,
            required=True,
            default="POST",
            description="The HTTP method of the request.",
        ),
        Field(
            key="headers",
            label="Headers",
            type="object",
            additional_properties=True,
            description="More headers: names and values.",
        ),
        Field(
            key="data",
            label="Data",
            type="object",
            additional_properties=True,
            default={"@path": "$."},
            description="The body of the request. The path $. is the whole event.",
        ),
        Field(
            key="enable_batching",
            label="Send in batches",
            type="boolean",
            default=False,
            description="Collect events and send them as one JSON list.",
        ),
        Field(
            key="batch_size",
            label="Batch size",
            type="number",
            default=0,
            minimum=0,
            maximum=1000,
            description="The most events in one request; 0 for the usual 100.",
        ),
        Field(
            key="batch_keys",
            label="Batch keys",
            multiple=True,
            hidden=True,
            default=["url", "method", "headers"],
        ),
    ),
)
