"""Record custom activities: find the leads, then add up to 300 activities in a request.

https://experienceleague.adobe.com/en/docs/marketo-developer/marketo/rest/lead-database/activities
"""

from __future__ import annotations

from typing import Any

from destinations.connectors.marketo.leads import MOST, Lookup, find_ids, lookup_of
from destinations.connectors.marketo.upsert_lead import tell_skipped
from destinations.connectors.marketo_static_lists.client import ask, host
from destinations.kit.batches import Results, chunks
from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import Request, json_request
from engine.mapping.fields import Choice


def perform_batch(context: Context, items: list[Item]) -> Conversation:
    """`POST /rest/v1/activities/external.json`. A person whom Marketo does not know fails alone."""
    results = Results(items)
    lookups: dict[int, Lookup] = {}
    for item in items:
        try:
            lookups[item.index] = lookup_of(context, item.payload)
        except PayloadValidationError as error:
            results.fail(item, error.message)
    ids: dict[tuple[str, str], int] = {}
    for field in dict.fromkeys(lookup.field for lookup in lookups.values()):
        values = [lookup.value for lookup in lookups.values() if lookup.field == field]
        found = yield from find_ids(context, field, values)
        ids.update({(field, key): lead for key, lead in found.items()})
    sent: list[tuple[Item, int]] = []
    for item in results.open:
        lookup = lookups[item.index]
        lead = ids.get((lookup.field, lookup.key))
        if lead is None:
            results.fail(item, f"Marketo knows no lead with this {lookup.field}.", status=404, code="LEAD_NOT_FOUND")
        else:
            sent.append((item, lead))
    for part in chunks(sent, MOST):
        body = {"input": [_activity(item.payload, lead) for item, lead in part]}
        answer = yield from ask(json_request("POST", f"{host(context)}/rest/v1/activities/external.json", body))
        tell_skipped(answer, [[item] for item, _lead in part], results)
    return results.done()


def activity_types(context: Context, payload: dict[str, Any]) -> Conversation:
    """The custom activity types of the instance, for the form."""
    url = f"{host(context)}/rest/v1/activities/external/types.json"
    answer = yield from ask(Request(method="GET", url=url))
    return [
        Choice(value=one["id"], label=str(one.get("name") or one["id"]))
        for one in answer.get("result") or ()
        if isinstance(one, dict) and isinstance(one.get("id"), int)
    ]


def _activity(payload: dict[str, Any], lead: int) -> dict[str, Any]:
    attributes = payload.get("attributes") or {}
    return {
        "leadId": lead,
        "activityDate": payload["activityDate"],
        "activityTypeId": payload["activityTypeId"],
        "primaryAttributeValue": payload["primaryAttributeValue"],
        "attributes": [{"name": name, "value": value} for name, value in attributes.items()],
    }
