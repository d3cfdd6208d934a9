"""Take people out of a static list: find the leads, then remove them by their ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from destinations.connectors.marketo_static_lists.client import ask, host, reason, status_of
from destinations.connectors.marketo_static_lists.static_lists import list_of
from destinations.kit.batches import Results, chunks
from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.http import Request

MOST = 300
# Marketo refuses addresses of more than 8 KB.
LONGEST = 6000
LEAD_NOT_FOUND = 1004


def perform_batch(context: Context, items: list[Item]) -> Conversation:
    """Leads that Marketo does not know have left already."""
    results = Results(items)
    lists: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        list_id = list_of(context, item.payload)
        if not list_id:
            results.fail(item, "No list ID found in payload. Choose a list in the mapping, or connect an audience.")
        else:
            lists.setdefault((list_id, str(item.payload.get("lookup_field") or "email")), []).append(item)
    for (list_id, field), members in lists.items():
        for part in _parts(members):
            yield from _remove(context, list_id, field, part, results)
    return results.done()


def _remove(context: Context, list_id: str, field: str, items: Sequence[Item], results: Results) -> Conversation:
    leads: list[dict[str, Any]] = []
    values = quote(",".join(dict.fromkeys(_value(item) for item in items)), safe="!~*'()")
    url = f"{host(context)}/rest/v1/leads.json?filterType={quote(field, safe='')}&filterValues={values}"
    page = ""
    while True:
        answer = yield from ask(Request(method="GET", url=f"{url}{page}"))
        leads += [lead for lead in answer.get("result") or () if isinstance(lead, dict) and lead.get("id")]
        token = answer.get("nextPageToken")
        if not token:
            break
        page = f"&nextPageToken={quote(str(token), safe='')}"
    for some in chunks(leads, MOST):
        ids = ",".join(quote(str(lead["id"]), safe="") for lead in some)
        url = f"{host(context)}/rest/v1/lists/{quote(list_id, safe='')}/leads.json?id={ids}"
        removed = yield from ask(Request(method="DELETE", url=url))
        _tell(removed, some, field, items, results)
    return None


def _tell(
    answer: dict[str, Any], leads: Sequence[dict[str, Any]], field: str, items: Sequence[Item], results: Results
) -> None:
    """Fail the items whose lead was skipped; one that is no member, or no lead any more, is where it should be."""
    skipped = {
        str(one.get("id")): reason(one)
        for one in answer.get("result") or ()
        if isinstance(one, dict) and one.get("status") == "skipped"
    }
    for lead in leads:
        number, message = skipped.get(str(lead["id"]), (LEAD_NOT_FOUND, ""))
        if number == LEAD_NOT_FOUND:
            continue
        for item in items:
            if _value(item).lower() == str(lead.get(field)).lower():
                results.fail(item, f"{message} (Marketo error {number})", status=status_of(number), code=str(number))


def _value(item: Item) -> str:
    return str(item.payload["field_value"]).strip()


def _parts(items: Sequence[Item]) -> Iterator[list[Item]]:
    """At most 300 people, and no more than fit in an address."""
    part: list[Item] = []
    length = 0
    for item in items:
        more = len(quote(_value(item), safe="")) + 3
        if part and (len(part) == MOST or length + more > LONGEST):
            yield part
            part, length = [], 0
        part.append(item)
        length += more
    if part:
        yield part
