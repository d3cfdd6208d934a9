"""The two calls: update a user, record an event. Retention Science publishes no reference any more; see the README."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from destinations.kit.definition import Context
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import Request, checked_url, json_request
from destinations.kit.membership import personas

HOST, SANDBOX = "https://api.retentionscience.com", "https://api.retentionsandbox.com"


def base_url(context: Context) -> str:
    """The address of the settings, else the usual one."""
    own = str(context.settings.get("base_url") or "")
    if own:
        return checked_url(own, "base_url").rstrip("/")
    return SANDBOX if context.settings.get("sandbox") else HOST


def update_user(context: Context, payload: dict[str, Any]) -> Request:
    """`PUT /users/update/{record_id}`: attributes, over which the named fields go."""
    record_id = _record_id(payload)
    named = {name: payload[name] for name in ("email", "full_name") if payload.get(name)}
    body = {**_attributes(payload.get("attributes")), **_site(context), "record_id": record_id, **named}
    body.update(_audience(context))
    return json_request("PUT", f"{base_url(context)}/users/update/{quote(record_id, safe='')}", body)


def record_event(context: Context, payload: dict[str, Any]) -> Request:
    """`POST` to the event path of the settings."""
    path = str(context.settings.get("event_path") or "/events").strip("/")
    body = {**_site(context), "record_id": _record_id(payload), "event": payload["event"], "time": payload["time"]}
    body["properties"] = payload.get("properties") or {}
    return json_request("POST", f"{base_url(context)}/{quote(path, safe='/')}", body)


def _record_id(payload: dict[str, Any]) -> str:
    found = str(payload.get("record_id") or "")
    if not found:
        raise PayloadValidationError("The call has no user ID, by which Resci finds the person.")
    return found


def _site(context: Context) -> dict[str, Any]:
    site = context.settings.get("site_id")
    return {"site_id": site} if site else {}


def _attributes(given: Any) -> dict[str, Any]:
    """What is no plain value is left out: attributes of a user are flat."""
    told = given if isinstance(given, dict) else {}
    return {name: value for name, value in told.items() if value is not None and not isinstance(value, dict | list)}


def _audience(context: Context) -> dict[str, Any]:
    """The audience or computed trait of a Track call; an Identify call has it among the attributes."""
    key = personas(context.event).get("computation_key")
    members = context.event.get("properties")
    if context.event.get("type") != "track" or not isinstance(members, dict) or key not in members:
        return {}
    return {str(key): members[key]}
