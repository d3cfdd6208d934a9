"""Create or update leads: up to 300 in a request, each with a result of its own.

https://experienceleague.adobe.com/en/docs/marketo-developer/marketo/rest/lead-database/leads
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from destinations.connectors.marketo.leads import MOST, Lookup, identity, lookup_of
from destinations.connectors.marketo_static_lists.client import ask, host, reason, status_of
from destinations.kit.batches import Results, chunks
from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import json_request
from destinations.kit.membership import personas

Lead = tuple[dict[str, Any], list[Item]]


def perform_batch(context: Context, items: list[Item]) -> Conversation:
    """`POST /rest/v1/leads.json`. Calls about one lead become one record, in which the later values win."""
    results = Results(items)
    fields: dict[str, dict[str, Lead]] = {}
    for item in items:
        try:
            lookup: Lookup = lookup_of(context, item.payload)
        except PayloadValidationError as error:
            results.fail(item, error.message)
            continue
        record, members = fields.setdefault(lookup.field, {}).setdefault(lookup.key, ({}, []))
        record.update(_record(context, item))
        members.append(item)
    for field, leads in fields.items():
        for part in chunks(list(leads.values()), MOST):
            body = {"action": "createOrUpdate", "lookupField": field, "input": [record for record, _members in part]}
            answer = yield from ask(json_request("POST", f"{host(context)}/rest/v1/leads.json", body))
            tell_skipped(answer, [members for _record, members in part], results)
    return results.done()


def tell_skipped(answer: Mapping[str, Any], sent: list[list[Item]], results: Results) -> None:
    """Fail the calls behind the records that Marketo skipped; `result` is in the order of what was sent."""
    told = answer.get("result")
    for members, one in zip(sent, told if isinstance(told, list) else [], strict=False):
        if not isinstance(one, dict) or one.get("status") != "skipped":
            continue
        number, message = reason(one)
        for item in members:
            results.fail(item, f"{message} (Marketo error {number})", status=status_of(number), code=str(number))


def _record(context: Context, item: Item) -> dict[str, Any]:
    payload = item.payload
    return {**identity(context, payload), **(payload.get("fields") or {}), **_audience(payload, item.event)}


def _audience(payload: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, Any]:
    """The field of the audience or computed trait with the value that the call carries."""
    field, key = payload.get("audience_field"), personas(event).get("computation_key")
    members = event.get("traits" if event.get("type") == "identify" else "properties")
    if not field or not key or not isinstance(members, dict) or key not in members:
        return {}
    return {str(field): members[key]}
