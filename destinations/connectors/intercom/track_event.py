"""An event of a contact."""

from __future__ import annotations

from typing import Any

from destinations.connectors.intercom import contacts
from destinations.kit.definition import Context, Conversation
from destinations.kit.errors import IntegrationError
from destinations.kit.http import json_request

CURRENCY = "USD"


def perform(context: Context, payload: dict[str, Any]) -> Conversation:
    """`POST /events`. Revenue becomes `metadata.price`, in cents. A person known by e-mail alone is looked up."""
    body = {name: value for name, value in payload.items() if name not in ("revenue", "currency")}
    body["created_at"] = contacts.unix_seconds(body["created_at"])
    if not (body.get("user_id") or body.get("id")):
        if not body.get("email"):
            raise IntegrationError("The event has no user ID, e-mail or contact ID to find the contact by.")
        found = yield from contacts.find(context, external_id=None, email=body["email"])
        if not found:
            raise IntegrationError("Contact not found", code="CONTACT_NOT_FOUND", status=404)
        body["id"] = found
    revenue = payload.get("revenue")
    if revenue is not None:
        plain = {name: value for name, value in (body.get("metadata") or {}).items() if name not in _PRICE}
        price = {"amount": _cents(revenue), "currency": payload.get("currency") or CURRENCY}
        body["metadata"] = {**plain, "price": price}
    yield json_request("POST", contacts.url(context, "/events"), body)


_PRICE = ("revenue", "currency")


def _cents(revenue: float) -> float:
    cents = round(revenue * 100, 2)
    return int(cents) if cents == int(cents) else cents
