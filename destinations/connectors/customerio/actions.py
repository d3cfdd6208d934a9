"""What each action makes of its payload."""

from __future__ import annotations

from typing import Any

from destinations.connectors.customerio import api
from destinations.connectors.customerio.entities import (
    entity,
    identifiers,
    person,
    person_attributes,
    relationship,
    unix_seconds,
)
from destinations.kit.definition import Context
from destinations.kit.http import Request, json_request


def create_update_person(payload: dict[str, Any]) -> dict[str, Any]:
    told = _only(payload, "anonymous_id", "email", "timestamp", "convert_timestamp")
    told |= {"person_id": payload.get("id"), "attributes": person_attributes(payload)}
    if payload.get("group_id"):
        group = {"object_id": payload["group_id"], "object_type_id": payload.get("object_type_id")}
        told["cio_relationships"] = relationship(
            identifiers(group), payload.get("relationship_attributes"), convert=bool(payload.get("convert_timestamp"))
        )
    return entity("person", "identify", told)


def track_event(payload: dict[str, Any]) -> dict[str, Any]:
    return _event("event", payload, payload["name"])


def track_page_view(payload: dict[str, Any]) -> dict[str, Any]:
    return _event("page", payload, payload["url"])


def track_screen_view(payload: dict[str, Any]) -> dict[str, Any]:
    return _event("screen", payload, payload["name"])


def report_content_event(payload: dict[str, Any]) -> dict[str, Any]:
    told = _only(payload, "anonymous_id", "timestamp", "convert_timestamp")
    data = {name: value for name, value in (payload.get("data") or {}).items() if name != "actionType"}
    return entity("person", payload["actionType"], {**told, "name": payload["actionType"], "attributes": data})


def create_update_object(payload: dict[str, Any]) -> dict[str, Any]:
    """The object, related to the person of the call; to somebody anonymous under an action of its own."""
    attributes = payload.get("custom_attributes")
    if attributes is not None:
        attributes = {name: value for name, value in attributes.items() if name != "object_type_id"}
    told = _only(payload, "anonymous_id", "object_type_id", "convert_timestamp")
    told |= {"object_id": payload["id"], "attributes": attributes, "created_at": payload.get("created_at") or None}
    known = {"person_id": payload.get("user_id"), "anonymous_id": payload.get("anonymous_id")}
    if any(known.values()):
        told["cio_relationships"] = relationship(
            identifiers(known), payload.get("relationship_attributes"), convert=bool(payload.get("convert_timestamp"))
        )
    is_anonymous = not payload.get("user_id") and payload.get("anonymous_id")
    return entity("object", "identify_anonymous" if is_anonymous else "identify", told)


def create_update_device(payload: dict[str, Any]) -> dict[str, Any]:
    attributes = {**(payload.get("attributes") or {}), **_only(payload, "app_version")}
    device = {"token": payload["device_id"], "platform": payload["platform"], **_only(payload, "last_used")}
    if payload.get("convert_timestamp") and "last_used" in device:
        device["last_used"] = unix_seconds(device["last_used"])
    told = _only(payload, "person_id", "convert_timestamp")
    return entity("person", "add_device", {**told, "device": {**device, "attributes": attributes}})


def delete_device(payload: dict[str, Any]) -> dict[str, Any]:
    return entity("person", "delete_device", {**_only(payload, "person_id"), "device": {"token": payload["device_id"]}})


def delete_person(payload: dict[str, Any]) -> dict[str, Any]:
    return entity("person", "delete", payload)


def suppress_person(payload: dict[str, Any]) -> dict[str, Any]:
    return entity("person", "suppress", payload)


def unsuppress_person(payload: dict[str, Any]) -> dict[str, Any]:
    return entity("person", "unsuppress", payload)


def delete_object(payload: dict[str, Any]) -> dict[str, Any]:
    return entity("object", "delete", payload)


def delete_relationship(payload: dict[str, Any]) -> dict[str, Any]:
    known = _only(payload, "person_id", "anonymous_id")
    told = {**payload, "cio_relationships": relationship(identifiers(known), None, convert=False)}
    return entity("object", "delete_relationships", told)


def merge_people(payload: dict[str, Any]) -> dict[str, Any]:
    told = {name: person(payload[name]) for name in ("primary", "secondary")}
    return entity("person", "merge", told)


def report_delivery_event(context: Context, payload: dict[str, Any]) -> Request:
    """What became of a message of Customer.io: `POST /api/v1/metrics`."""
    body = _only(payload, "delivery_id", "metric", "recipient", "reason", "href")
    moment = unix_seconds(payload.get("timestamp"))
    if moment is None and context.now is not None:
        moment = int(context.now.timestamp())
    metadata = _only(payload, "action_name", "action_value")
    body |= {"timestamp": moment, **({"metadata": metadata} if metadata else {})}
    return json_request("POST", api.url(context, "/api/v1/metrics"), body)


def _event(action: str, payload: dict[str, Any], name: str) -> dict[str, Any]:
    told = _only(payload, "anonymous_id", "timestamp", "convert_timestamp")
    about = {"person_id": payload.get("id"), "name": name, "id": payload.get("event_id")}
    return entity("person", action, {**told, **about, "attributes": payload.get("data")})


def _only(payload: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: payload[name] for name in names if payload.get(name) is not None}
