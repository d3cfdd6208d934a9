"""Create or update the company of a group call, and associate the contact with it.

Companies are found by a property of our own, `segment_group_id`, which holds the group's id; it is created when it is
missing. The name is that of Segment's destination, so that companies it made are found.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from destinations.connectors.hubspot import crm
from destinations.kit.definition import Context, Conversation
from destinations.kit.errors import IntegrationError, PayloadValidationError, RetryableError
from destinations.kit.http import HttpError, Request, json_request

GROUP_ID = "segment_group_id"
TEXTS = ("name", "description", "address", "city", "state", "zip", "domain", "phone", "industry")
_SEARCHED = ("name", "domain", "lifecyclestage", GROUP_ID)


def perform(_context: Context, payload: dict[str, Any]) -> Conversation:
    if (payload.get("properties") or {}).get(GROUP_ID):
        raise PayloadValidationError(f"{GROUP_ID} holds the group's id and cannot be set under Other properties.")
    if payload.get("associateContact") and not payload.get("contact_email"):
        raise IntegrationError(
            "The call has no e-mail of a contact to associate with the company. Map Contact e-mail, or switch "
            "Associate contact off."
        )
    contact_id = yield from _contact(payload)
    properties = _properties(payload)
    company_id = yield from _updated(payload["groupid"], properties)
    if not company_id:
        company_id = yield from _found_or_created(payload, properties)
    if company_id and contact_id:
        rest = f"/{crm.quoted(company_id)}/associations/contacts/{crm.quoted(contact_id)}/company_to_contact"
        yield json_request("PUT", crm.objects_url("companies", rest))


def _contact(payload: Mapping[str, Any]) -> Conversation:
    """The id of the contact, looked up before anything is changed."""
    if not payload.get("associateContact"):
        return ""
    email = crm.trimmed(payload["contact_email"])
    try:
        response = yield Request(
            method="GET", url=crm.objects_url("contacts", f"/{crm.quoted(email)}?idProperty=email&properties=email")
        )
    except HttpError as error:
        if error.status != 404:
            raise
        raise IntegrationError(
            "There is no contact with this e-mail in HubSpot yet. Send it first (Upsert contact), or switch Associate "
            "contact off."
        ) from error
    return crm.record_id(response)


def _properties(payload: Mapping[str, Any]) -> dict[str, Any]:
    texts = {name: crm.trimmed(payload[name]) for name in TEXTS if payload.get(name) is not None}
    stage = payload.get("lifecyclestage")
    more = {
        "numberofemployees": payload.get("numberofemployees"),
        "lifecyclestage": crm.trimmed(stage).lower() if stage else None,
        GROUP_ID: payload["groupid"],
    }
    return {**texts, **crm.without_missing(more), **crm.flat(payload.get("properties"))}


def _updated(group_id: str, properties: dict[str, Any]) -> Conversation:
    """The id of the company with this group id, updated; "" when there is none."""
    try:
        response = yield crm.update("companies", group_id, properties, id_property=GROUP_ID)
    except HttpError as error:
        if _misses_group_id(error):
            yield from _create_property()
            raise RetryableError(f"The property {GROUP_ID} was missing in HubSpot and has been created.") from error
        if error.status != 404:
            raise
        return ""
    return crm.record_id(response)


def _found_or_created(payload: Mapping[str, Any], properties: dict[str, Any]) -> Conversation:
    found = yield from _searched(payload.get("companysearchfields") or {})
    if found:
        return (yield from _with_property(crm.update("companies", found, properties)))
    if not payload.get("createNewCompany"):
        return ""
    return (yield from _with_property(crm.create("companies", properties)))


def _searched(wanted: Mapping[str, Any]) -> Conversation:
    if not wanted:
        return ""
    try:
        response = yield crm.search("companies", wanted, _SEARCHED, ["name"])
    except HttpError as error:
        if error.status != 400:
            raise
        raise IntegrationError(
            "HubSpot refused the search for the company. Check that the properties under Company search fields exist."
        ) from error
    rows = crm.rows(response)
    if len(rows) > 1:
        raise IntegrationError("Company search fields match more than one company. Use fields that are unique.")
    return str(rows[0].get("id")) if rows else ""


def _with_property(request: Request) -> Conversation:
    """Send it; once more after the property was created, when it was missing."""
    try:
        response = yield request
    except HttpError as error:
        if not _misses_group_id(error):
            raise
        yield from _create_property()
        response = yield request
    return crm.record_id(response)


def _create_property() -> Conversation:
    body = {
        "name": GROUP_ID,
        "label": "Segment Group ID",
        "description": "Unique Property to map Segment Group ID with a HubSpot Company Object",
        "groupName": "companyinformation",
        "type": "string",
        "fieldType": "text",
        "hidden": True,
        "displayOrder": -1,
        "hasUniqueValue": True,
        "formField": False,
    }
    try:
        yield json_request("POST", f"{crm.API}/crm/v3/properties/companies", body)
    except HttpError as error:
        # Somebody else created it at the same moment.
        if error.status != 409:
            raise


def _misses_group_id(error: HttpError) -> bool:
    answer = error.response.json()
    message = str(answer.get("message") or "") if isinstance(answer, dict) else ""
    try:
        problems = json.loads(message.replace("Property values were not valid: ", ""))
    except ValueError:
        return False
    return (
        error.status == 400
        and isinstance(problems, list)
        and [(one.get("name"), one.get("error")) for one in problems if isinstance(one, dict)]
        == [(GROUP_ID, "PROPERTY_DOESNT_EXIST")]
    )
