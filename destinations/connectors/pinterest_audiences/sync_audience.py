"""Adding people to a customer list and removing them: one call for each kind of identifier."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from destinations.connectors.pinterest_audiences.lists import account_url, list_of, sentence
from destinations.kit.batches import Results
from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import HttpError, json_request
from destinations.kit.personal import hashed, trim_lower

TIMEOUT = 30.0
KINDS = ("email", "mobile_advertising_id")


def perform_batch(context: Context, items: list[Item]) -> Conversation:
    results = Results(items)
    chosen = str(items[0].payload.get("external_audience_id") or context.external_audience_id or "")
    if not chosen:
        raise PayloadValidationError("There is no customer list to send to. Connect an audience to this destination.")
    url = f"{account_url(context)}/customer_lists/{quote(list_of(chosen), safe='')}"
    results.need_membership()
    for item in results.open:
        if not any(record(item, kind) for kind in KINDS):
            results.fail(item, "The person has no e-mail or mobile advertising ID, by which Pinterest finds them.")
    for operation, people in (("ADD", results.adds), ("REMOVE", results.removes)):
        for kind in KINDS:
            yield from _change(results, url, operation, kind, people)
    return results.done()


def _change(results: Results, url: str, operation: str, kind: str, people: Sequence[Item]) -> Conversation:
    records = {item.index: record(item, kind) for item in people}
    sent = [item for item in people if records[item.index]]
    if not sent:
        return
    text = ",".join(dict.fromkeys(records[item.index] for item in sent))
    try:
        yield json_request("PATCH", url, {"records": text, "operation_type": operation}, timeout=TIMEOUT)
    except HttpError as error:
        results.refuse(sent, error, sentence(error))


def record(item: Item, kind: str) -> str:
    """The hash that Pinterest is told; "" when the person has no such identifier."""
    return hashed(str(item.payload.get(kind) or ""), trim_lower)
