"""Contacts, and events that put a contact into a journey."""

from __future__ import annotations

from typing import Any

from destinations.connectors.salesforce_marketing_cloud import rest
from destinations.kit.definition import Context
from destinations.kit.http import Request, json_request


def create_contact(context: Context, payload: dict[str, Any]) -> Request:
    """`POST /contacts/v1/contacts`; one that exists stays as it is."""
    body = {"contactKey": payload["contactKey"], "attributeSets": []}
    return json_request("POST", rest.url(context, "/contacts/v1/contacts"), body)


def send_api_event(context: Context, payload: dict[str, Any]) -> Request:
    """`POST /interaction/v1/events`: the contact enters the journeys that wait for this event."""
    body = {name: payload[name] for name in ("contactKey", "eventDefinitionKey", "data") if name in payload}
    return json_request("POST", rest.url(context, "/interaction/v1/events"), body)
