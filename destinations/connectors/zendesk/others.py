"""Organizations of group calls, and events of users."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from destinations.connectors.zendesk import api
from destinations.kit.definition import Context, Conversation
from destinations.kit.errors import IntegrationError, PayloadValidationError
from destinations.kit.http import HttpError, Request, json_request

LONGEST_IDENTIFIER = 60


def upsert_organization(context: Context, payload: dict[str, Any]) -> Conversation:
    """`POST /organizations/create_or_update`, which only administrators may."""
    fields = {api.snake_case(key): value for key, value in (payload.get("organization_fields") or {}).items()}
    organization = {
        "name": payload["name"],
        "external_id": payload["external_id"],
        "organization_fields": {key: value for key, value in fields.items() if key and key != "name"},
    }
    try:
        yield json_request("POST", api.url(context, "/organizations/create_or_update"), {"organization": organization})
    except HttpError as error:
        raise api.explained(error) from error


def track_event(context: Context, payload: dict[str, Any]) -> Conversation:
    """An event of the user with this e-mail, else of the one with this external id (Zendesk Sunshine)."""
    user_id, email = payload["user_id"], payload.get("email")
    value = email or user_id
    if len(value) > LONGEST_IDENTIFIER:
        raise PayloadValidationError(f"Zendesk takes identifiers of at most {LONGEST_IDENTIFIER} characters.")
    wanted = {"query": f'email:"{email}"'} if email else {"external_id": user_id}
    name, told = next(iter(wanted.items()))
    try:
        found = yield Request(method="GET", url=api.url(context, f"/users/search?{name}={quote(told, safe='')}"))
        users = (found.json() or {}).get("users") or []
        if len(users) != 1:
            raise IntegrationError(
                f"{len(users) or 'No'} users of Zendesk have this {'e-mail' if email else 'external ID'}.", status=404
            )
        yield json_request("POST", api.url(context, f"/users/{users[0]['id']}/events"), _event(payload, value))
    except HttpError as error:
        raise api.explained(error) from error


def _event(payload: dict[str, Any], value: str) -> dict[str, Any]:
    kind = "email" if payload.get("email") else "external_id"
    return {
        "profile": {
            "source": payload["source"],
            "type": payload["profile_type"],
            "identifiers": [{"type": kind, "value": value}],
        },
        "event": {
            "type": api.snake_case(payload["event_name"]),
            "source": payload["source"],
            "description": payload["event_name"],
            "properties": payload.get("properties") or {},
            "created_at": payload["created_at"],
        },
    }
