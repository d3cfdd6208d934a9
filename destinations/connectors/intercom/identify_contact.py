"""Create or update a contact: one search, one write."""

from __future__ import annotations

from typing import Any

from destinations.connectors.intercom import contacts
from destinations.kit.definition import Context, Conversation
from destinations.kit.errors import RetryableError
from destinations.kit.http import HttpError, json_request
from destinations.kit.membership import computed

TIMES = ("signed_up_at", "last_seen_at")
_OURS = ("include_computation", "custom_attributes")


def perform(context: Context, payload: dict[str, Any]) -> Conversation:
    """`PUT` the contact that is found, else `POST` a new one. A lead must not have an external id."""
    body = {name: value for name, value in payload.items() if name not in _OURS}
    if body["role"] == "lead":
        body.pop("external_id", None)
    body |= {name: contacts.unix_seconds(body[name]) for name in TIMES if body.get(name) is not None}
    own = computed(context.event) if payload.get("include_computation") else {}
    attributes = contacts.with_computed(payload.get("custom_attributes"), own)
    if attributes is not None:
        body["custom_attributes"] = attributes
    found = yield from contacts.find(context, external_id=body.get("external_id"), email=body.get("email"))
    try:
        if found:
            yield json_request("PUT", contacts.contact_url(context, found), body)
        else:
            yield json_request("POST", contacts.url(context, "/contacts"), body)
    except HttpError as error:
        if error.status != 409:
            raise
        raise RetryableError(
            "Intercom knows this contact but does not find it yet: its search lags behind. Trying again."
        ) from error
