"""Create or update contacts by e-mail: one with two requests at most, or up to 100 together.

https://developers.hubspot.com/docs/reference/api/crm/objects/contacts
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from destinations.connectors.hubspot import crm
from destinations.connectors.hubspot.contact_batch import ContactBatch
from destinations.kit.batches import Results, latest
from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.http import HttpError, Response
from destinations.kit.membership import computed

STANDARD = (
    "company",
    "firstname",
    "lastname",
    "phone",
    "address",
    "city",
    "state",
    "country",
    "zip",
    "email",
    "website",
)
_EXISTING = re.compile(r"Existing ID:\s*(\d+)")


def perform(context: Context, payload: dict[str, Any]) -> Conversation:
    """`PATCH` by e-mail; 404 creates. HubSpot never moves a life-cycle stage back unless it is emptied first."""
    email = crm.trimmed(payload["email"])
    properties = contact_properties(payload, context.event)
    properties = {name: crm.trimmed(value) if isinstance(value, str) else value for name, value in properties.items()}
    try:
        response = yield crm.update("contacts", email, properties, id_property="email")
    except HttpError as error:
        if error.status != 404:
            raise
        return (yield from _create(properties))
    stage = properties.get("lifecyclestage")
    if stage and _stage(response) != stage:
        yield crm.update("contacts", email, {"lifecyclestage": ""}, id_property="email")
        yield crm.update("contacts", email, properties, id_property="email")


def perform_batch(_context: Context, items: list[Item]) -> Conversation:
    """Read which contacts exist, create the others, update these. Of several items for one address the last counts."""
    results = Results(items)
    wanted = {_address(item): contact_properties(item.payload, item.event) for item in latest(items, _address)}
    yield from ContactBatch(wanted=wanted, sources=_sources(items), results=results).run()
    return results.done()


def contact_properties(payload: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a contact; with `include_computation` also that of the audience or trait."""
    found = {name: payload.get(name) for name in STANDARD}
    stage = payload.get("lifecyclestage")
    found["lifecyclestage"] = crm.trimmed(stage).lower() if stage else None
    own = computed(event) if payload.get("include_computation") else {}
    return {**crm.without_missing(found), **crm.flat(own), **crm.flat(payload.get("properties"))}


def _create(properties: dict[str, Any]) -> Conversation:
    try:
        yield crm.contact(properties)
    except HttpError as error:
        # A secondary address of a contact is found by no read, but refused as a new one.
        existing = _EXISTING.search(error.response.text) if error.status == 409 else None
        if existing is None:
            raise
        others = {name: value for name, value in properties.items() if name != "email"}
        yield crm.update("contacts", existing[1], others)


def _stage(response: Response) -> str:
    answer = response.json()
    properties = answer.get("properties") if isinstance(answer, dict) else None
    return str(properties.get("lifecyclestage") or "") if isinstance(properties, dict) else ""


def _address(item: Item) -> str:
    return str(item.payload["email"]).lower()


def _sources(items: list[Item]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(_address(item), []).append(item)
    return found
