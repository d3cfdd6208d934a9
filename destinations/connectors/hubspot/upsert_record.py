"""Create or update a record of any object type, found by a search, and associate it with another record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from destinations.connectors.hubspot import crm
from destinations.kit.definition import Context, Conversation
from destinations.kit.errors import IntegrationError, PayloadValidationError
from destinations.kit.http import HttpError, json_request


def perform(_context: Context, payload: dict[str, Any]) -> Conversation:
    object_type, properties = payload["objectType"], crm.flat(payload["properties"])
    found = yield from _only_one(object_type, payload.get("customObjectSearchFields") or {}, ["name"])
    if not found and payload.get("createNewCustomRecord", True) is False:
        return
    link = yield from _link(payload)
    if not found:
        to, kind = link
        associations = [{"to": {"id": to}, "types": [kind]}] if to else []
        yield crm.create(object_type, properties, associations)
        return
    yield crm.update(object_type, found, properties)
    to, kind = link
    if to:
        target = f"{crm.quoted(payload['toObjectType'])}/{crm.quoted(to)}"
        url = f"{crm.API}/crm/v4/objects/{crm.quoted(object_type)}/{crm.quoted(found)}/associations/{target}"
        yield json_request("PUT", url, [kind])


def _link(payload: Mapping[str, Any]) -> Conversation:
    """Id of the record to associate with ("" for none), and the kind of the association."""
    wanted = payload.get("searchFieldsToAssociateCustomObjects") or {}
    to_type, label = payload.get("toObjectType"), payload.get("associationLabel")
    if not (wanted and to_type and label):
        return "", {}
    kind = association(label)
    return (yield from _only_one(to_type, wanted, [])), kind


def association(label: str) -> dict[str, Any]:
    """`HUBSPOT_DEFINED:279` as HubSpot wants it."""
    category, _colon, number = label.rpartition(":")
    if not category or not number.strip().isdigit():
        raise PayloadValidationError(
            f"{label!r} is no association label. Choose one of the list, or write CATEGORY:number."
        )
    return {"associationCategory": category.strip(), "associationTypeId": int(number)}


def _only_one(object_type: str, wanted: Mapping[str, Any], sorts: list[str]) -> Conversation:
    """The id of the one record that matches; "" when there is none."""
    if not wanted:
        return ""
    try:
        response = yield crm.search(object_type, wanted, [], sorts)
    except HttpError as error:
        if error.status != 400:
            raise
        raise IntegrationError(
            f"HubSpot refused the search in {object_type}. Check that the properties of the search fields exist."
        ) from error
    rows = crm.rows(response)
    if len(rows) > 1:
        raise IntegrationError(f"The search fields match more than one record of {object_type}. Use unique ones.")
    return str(rows[0].get("id")) if rows else ""
