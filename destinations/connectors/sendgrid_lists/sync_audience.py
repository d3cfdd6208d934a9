"""Put people on the list of an audience, and take them off again.

Contacts are written for both, those who leave to no list; then the latter are looked up, for only ids leave a list.
Writing is asynchronous at SendGrid: somebody who is not found had no contact, hence is on no list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from destinations.connectors.sendgrid_lists import api
from destinations.connectors.sendgrid_lists.contact import IDENTIFIERS, contact, identifiers
from destinations.connectors.sendgrid_lists.lists import list_url
from destinations.kit.batches import Results, chunks, latest
from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import HttpError, Request, json_request
from destinations.kit.verdicts import ItemResult

MOST_IDENTIFIERS = 50
MOST_IDS = 100
_REFUSED = re.compile(r"email '(.+?)' is not valid")

Contacts = dict[int, dict[str, Any]]


def perform_batch(context: Context, items: list[Item]) -> Conversation:
    """A member has true under the audience's key; anything else is off the list."""
    results = Results(items)
    contacts: Contacts = {}
    for item in latest(items, lambda item: tuple(identifiers(item.payload).items()) or item.index):
        try:
            contacts[item.index] = contact(item.payload)
        except PayloadValidationError as error:
            results.fail(item, error.message)
    told = [item for item in results.open if item.index in contacts]
    adds, removes = [one for one in told if _is_member(one)], [one for one in told if not _is_member(one)]
    if adds:
        yield from _put(context, adds, contacts, [adds[0].payload["external_audience_id"]], results)
    if removes:
        yield from _put(context, removes, contacts, [], results)
        still = {item.index for item in results.open}
        yield from _remove(context, [item for item in removes if item.index in still], results)
    return results.done()


def _is_member(item: Item) -> bool:
    return item.payload["traits_or_props"].get(item.payload["segment_audience_key"]) is True


def _put(
    context: Context, items: list[Item], contacts: Contacts, list_ids: list[str], results: Results
) -> Conversation:
    body = {"list_ids": list_ids, "contacts": [contacts[item.index] for item in items]}
    try:
        yield json_request("PUT", api.url(context, "/marketing/contacts"), body)
    except HttpError as error:
        if error.status != 400:
            results.refuse(items, error)
            return
        refused = {address.lower() for address in _REFUSED.findall(error.response.text)}
        for item in items:
            if identifiers(item.payload).get("email", "").lower() in refused:
                results.fail(item, "SendGrid refused the e-mail address.", code="BAD_REQUEST")
            else:
                # They come again, without those that were refused.
                results.set(item, ItemResult(status=429, message=f"{error.message} {error.response.text[:300]}"))


def _remove(context: Context, items: Sequence[Item], results: Results) -> Conversation:
    if not items:
        return
    list_id = items[0].payload["external_audience_id"]
    try:
        ids: list[str] = []
        for some in _searches(items):
            response = yield json_request(
                "POST", api.url(context, "/marketing/contacts/search"), {"query": _query(some)}
            )
            answer = response.json()
            rows = answer.get("result") if isinstance(answer, dict) else None
            ids += [str(row["id"]) for row in (rows if isinstance(rows, list) else []) if row.get("id")]
        for few in chunks(list(dict.fromkeys(ids)), MOST_IDS):
            yield Request(method="DELETE", url=list_url(context, list_id, f"/contacts?contact_ids={','.join(few)}"))
    except HttpError as error:
        results.refuse(items, error)


def _searches(items: Sequence[Item]) -> Iterator[list[Item]]:
    """The items in portions that one query takes."""
    some: list[Item] = []
    count = 0
    for item in items:
        more = len(identifiers(item.payload))
        if some and count + more > MOST_IDENTIFIERS:
            yield some
            some, count = [], 0
        some.append(item)
        count += more
    if some:
        yield some


def _query(items: Sequence[Item]) -> str:
    parts = []
    for name in IDENTIFIERS:
        values = [known[name] for known in (identifiers(item.payload) for item in items) if name in known]
        if values:
            parts.append(f"{name} IN ({','.join(_quoted(value) for value in values)})")
    return " OR ".join(parts)


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
