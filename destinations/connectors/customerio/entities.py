"""Payloads as entities of Customer.io: who it is about, attributes, dates, relationships."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from destinations.kit.errors import PayloadValidationError

DEFAULT_OBJECT_TYPE = "1"
_STEERING = ("enable_batching", "batch_size", "convert_timestamp", "timestamp")
_IDENTIFYING = ("person_id", "anonymous_id", "email", "object_id", "object_type_id")
_CIO = "cio_"
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+\Z")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2})?(?:\.\d{1,9})?(?:Z|[+-]\d{2}:?\d{2})?)?\Z", re.ASCII)
# Of the traits of a person, these are told otherwise.
_NOT_ATTRIBUTES = ("createdAt", "created_at", "object_type_id", "objectTypeId", "relationshipAttributes")


def entity(kind: str, action: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a call: `told` holds what identifies, how to treat dates, and the members to send."""
    members = {
        name: value
        for name, value in told.items()
        if name not in _STEERING and name not in _IDENTIFYING and value is not None
    }
    if told.get("convert_timestamp"):
        members = converted(members)
    if told.get("timestamp"):
        members["timestamp"] = unix_seconds(told["timestamp"])
    body = {"type": kind, "action": action, **members}
    found = {} if action == "merge" else identifiers(told)
    anonymous_id = told.get("anonymous_id")
    if anonymous_id and "anonymous_id" not in found:
        body["attributes"] = {**(body.get("attributes") or {}), "anonymous_id": anonymous_id}
    return {**body, "identifiers": found} if found else body


def identifiers(told: Mapping[str, Any]) -> dict[str, Any]:
    """The first that applies: object, person, e-mail, anonymous id."""
    if told.get("object_id"):
        return {"object_id": told["object_id"], "object_type_id": told.get("object_type_id") or DEFAULT_OBJECT_TYPE}
    if told.get("person_id"):
        return person(told["person_id"])
    for name in ("email", "anonymous_id"):
        if told.get(name):
            return {name: told[name]}
    raise PayloadValidationError("The call has no user ID, e-mail or anonymous ID to find the person by.")


def person(person_id: str) -> dict[str, str]:
    """A user ID by its kind: Customer.io's own, an e-mail, or any other."""
    if person_id.startswith(_CIO):
        return {"cio_id": person_id[len(_CIO) :]}
    return {"email": person_id} if _EMAIL.match(person_id) else {"id": person_id}


def relationship(found: Mapping[str, Any], attributes: Any, *, convert: bool) -> list[dict[str, Any]]:
    """`cio_relationships` with one other entity. Lists are left as they are, so its dates are seen to here."""
    if not attributes:
        return [{"identifiers": found}]
    return [{"identifiers": found, "relationship_attributes": converted(attributes) if convert else attributes}]


def person_attributes(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The traits that are attributes, with the mapped time of creation and e-mail."""
    traits = payload.get("custom_attributes") or {}
    found = {name: value for name, value in traits.items() if name not in _NOT_ATTRIBUTES}
    return {**found, **{name: payload[name] for name in ("created_at", "email") if payload.get(name)}}


def converted(value: Any) -> Any:
    """Valid ISO dates in objects at any depth as Unix seconds; lists are left as they are."""
    if isinstance(value, dict):
        return {name: converted(member) for name, member in value.items()}
    return unix_seconds(value)


def unix_seconds(value: Any) -> Any:
    """ISO text as Unix seconds, in UTC where no zone is given; anything else stays."""
    if not isinstance(value, str) or not _ISO.match(value):
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
