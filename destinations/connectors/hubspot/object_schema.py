"""The properties of an object type: those that are missing are created, those of another type refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from destinations.connectors.hubspot import crm
from destinations.kit.definition import Conversation
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import HttpError, Request, json_request

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)
_DATETIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}", re.ASCII)
_TEXTUAL = ("string", "date", "datetime")
_OPTIONS = [
    {"label": name, "value": name, "hidden": False, "description": name, "displayOrder": place}
    for place, name in enumerate(("true", "false"), start=1)
]


def ensure(object_type: str, group: str, values: Iterable[Mapping[str, Any]], *, is_sensitive: bool) -> Conversation:
    """See to it that HubSpot has a property for every one of these."""
    wanted: dict[str, tuple[str, str]] = {}
    for properties in values:
        for name, value in properties.items():
            wanted.setdefault(name, type_of(value))
    if not wanted:
        return
    url = f"{crm.API}/crm/v3/properties/{crm.quoted(object_type)}"
    response = yield Request(method="GET", url=url + ("?dataSensitivity=sensitive" if is_sensitive else ""))
    known = {str(row.get("name")): str(row.get("type")) for row in crm.rows(response)}
    for name, (kind, _field_type) in wanted.items():
        there = known.get(name, kind)
        if there != kind and not (there in _TEXTUAL and kind in _TEXTUAL):
            raise PayloadValidationError(f"The property {name} is of type {there} in HubSpot, and the value a {kind}.")
    missing = [name for name in wanted if name not in known]
    if not missing:
        return
    if not group:
        raise PayloadValidationError(
            f"HubSpot has no property {missing[0]}. Create it there, or choose a property group to have it created in."
        )
    inputs = [_definition(name, *wanted[name], group, is_sensitive=is_sensitive) for name in missing]
    try:
        yield json_request("POST", f"{url}/batch/create", {"inputs": inputs})
    except HttpError as error:
        # Somebody else created them at the same moment.
        if error.status != 409:
            raise


def type_of(value: Any) -> tuple[str, str]:
    """HubSpot's type and field type for a value."""
    if isinstance(value, bool):
        return "enumeration", "booleancheckbox"
    if isinstance(value, int | float):
        return "number", "number"
    if isinstance(value, str) and _is_time(value):
        return ("date" if _DATE.match(value) else "datetime"), "date"
    return "string", "text"


def _is_time(value: str) -> bool:
    if not (_DATE.match(value) or _DATETIME.match(value)):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _definition(name: str, kind: str, field_type: str, group: str, *, is_sensitive: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "label": name, "groupName": group, "type": kind, "fieldType": field_type}
    if is_sensitive:
        found["dataSensitivity"] = "sensitive"
    return {**found, "options": _OPTIONS} if kind == "enumeration" else found
