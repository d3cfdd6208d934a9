"""Create or update the company of a group call, and attach the contact to it."""

from __future__ import annotations

from typing import Any

from destinations.connectors.intercom import contacts
from destinations.kit.definition import Context, Conversation
from destinations.kit.http import json_request

_OF_THE_CONTACT = ("external_id", "email", "contact_id")


def perform(context: Context, payload: dict[str, Any]) -> Conversation:
    found = payload.get("contact_id") or (
        yield from contacts.find(context, external_id=payload.get("external_id"), email=payload.get("email"))
    )
    body = {name: value for name, value in payload.items() if name not in _OF_THE_CONTACT}
    response = yield json_request("POST", contacts.url(context, "/companies"), body)
    answer = response.json()
    company = answer.get("id") if isinstance(answer, dict) else None
    if found and company:
        yield json_request("POST", contacts.contact_url(context, found, "/companies"), {"id": company})
