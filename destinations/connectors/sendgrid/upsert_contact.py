"""Create or update contacts. SendGrid takes them at once (202) and works through them later."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from destinations.connectors.sendgrid import api
from destinations.kit.batches import Results, latest
from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import HttpError, Request, Response, json_request
from destinations.kit.json_text import js_json
from destinations.kit.membership import computed

IDENTIFIERS = ("primary_email", "phone_number_id", "external_id", "anonymous_id")
# What SendGrid calls otherwise.
_NAMES = {"state": "state_province_region", "primary_email": "email"}
_OURS = ("customFields", "include_computation")
_PLACE = re.compile(r"contacts\[(\d+)\]")


def perform_batch(context: Context, items: list[Item]) -> Conversation:
    """Look up the custom fields, then `PUT` all contacts. Contacts that are refused by their place fail alone."""
    results = Results(items)
    for item in items:
        if not any(item.payload.get(name) for name in IDENTIFIERS):
            results.fail(item, "One of e-mail, phone number ID, external ID and anonymous ID is needed.")
    if not results.open:
        return results.done()
    known = _custom_fields((yield Request(method="GET", url=api.url(context, "/marketing/field_definitions"))))
    contacts: dict[int, dict[str, Any]] = {}
    for item in latest(results.open, _key):
        try:
            contacts[item.index] = _contact(item, known)
        except PayloadValidationError as error:
            results.fail(item, error.message)
    sent = [item for item in results.open if item.index in contacts]
    if sent:
        yield from _put(context, sent, contacts, results)
    return results.done()


def _put(context: Context, items: list[Item], contacts: Mapping[int, dict[str, Any]], results: Results) -> Conversation:
    body = {"contacts": [contacts[item.index] for item in items]}
    try:
        yield json_request("PUT", api.url(context, "/marketing/contacts"), body)
    except HttpError as error:
        refused = _refused(error.response, len(items)) if error.status == 400 else {}
        if not refused:
            results.refuse(items, error)
            return
        for place, said in refused.items():
            results.fail(items[place], f"SendGrid refused the contact: {said}", code="BAD_REQUEST")
        others = [item for place, item in enumerate(items) if place not in refused]
        if others:
            yield from _put(context, others, contacts, results)


def _refused(response: Response, count: int) -> dict[int, str]:
    """What SendGrid says against contacts, by their place in the request."""
    answer = response.json()
    problems = answer.get("errors") if isinstance(answer, dict) else None
    found: dict[int, str] = {}
    for problem in problems if isinstance(problems, list) else []:
        place = _PLACE.search(str(problem.get("field") or ""))
        if place and int(place[1]) < count:
            found[int(place[1])] = str(problem.get("message") or "it does not say why")
    return found


def _custom_fields(response: Response) -> dict[str, str]:
    """Ids of the account's custom fields, by id and by name in lower case."""
    answer = response.json()
    rows = answer.get("custom_fields") if isinstance(answer, dict) else None
    found: dict[str, str] = {}
    for row in rows if isinstance(rows, list) else []:
        found.setdefault(str(row.get("name")).lower(), str(row.get("id")))
    ids = {str(row.get("id")): str(row.get("id")) for row in rows or []}
    return {**found, **ids}


def _contact(item: Item, known: Mapping[str, str]) -> dict[str, Any]:
    payload = item.payload
    contact = {_NAMES.get(name, name): value for name, value in payload.items() if name not in _OURS}
    own = computed(item.event) if payload.get("include_computation") else {}
    fields = {**own, **(payload.get("customFields") or {})}
    if not fields and payload.get("customFields") is None:
        return contact
    return {**contact, "custom_fields": {_field_id(name, known): _text(value) for name, value in fields.items()}}


def _field_id(name: str, known: Mapping[str, str]) -> str:
    found = known.get(name) or known.get(name.lower())
    if found is None:
        raise PayloadValidationError(
            f"SendGrid has no custom field {name!r}. Create it there (Marketing, Custom Fields), with type Text for an "
            "audience."
        )
    return found


def _text(value: Any) -> Any:
    return js_json(value).decode() if isinstance(value, bool | list | dict) else value


def _key(item: Item) -> object:
    return tuple(str(item.payload.get(name) or "").lower() for name in IDENTIFIERS)
