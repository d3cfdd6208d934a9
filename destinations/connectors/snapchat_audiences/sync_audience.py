"""Adding people to a segment and removing them: one call for each kind of identifier."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from destinations.connectors.snapchat_audiences.segments import HOST, sentence
from destinations.kit.batches import Results, chunks
from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.http import HttpError, json_request
from destinations.kit.personal import hashed, trim_lower

MOST = 100_000
TIMEOUT = 30.0
_IN_PHONES = re.compile(r"[\s()+-]+")


def phone(value: str) -> str:
    """Without blanks, brackets, `+` and dashes, without `00` in front, then without one `0`."""
    return _IN_PHONES.sub("", value).removeprefix("00").removeprefix("0")


# Schema of a call → (field of the payload, what is done before it is hashed).
KINDS: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "EMAIL_SHA256": ("email", trim_lower),
    "PHONE_SHA256": ("phone", phone),
    "MOBILE_AD_ID_SHA256": ("advertising_id", trim_lower),
}


def perform_batch(context: Context, items: list[Item]) -> Conversation:
    results = Results(items)
    segment = str(items[0].payload.get("external_audience_id") or context.external_audience_id)
    found = {item.index: _identifiers(item.payload) for item in items}
    members = {item.index: _is_member(item) for item in items}
    for item in items:
        if members[item.index] is None:
            results.fail(
                item,
                "The event does not say whether the person entered or left the audience.",
                code="INVALID_AUDIENCE_MEMBERSHIP",
            )
        elif not found[item.index]:
            results.fail(item, "The person has no e-mail, phone or mobile ID, by which Snapchat finds them.")
    sent = results.open
    for method, is_member in (("POST", True), ("DELETE", False)):
        for schema in KINDS:
            chosen = [
                (item, found[item.index][schema])
                for item in sent
                if members[item.index] is is_member and schema in found[item.index]
            ]
            for part in chunks(chosen, MOST):
                yield from _send(results, method, segment, schema, part)
    return results.done()


def _send(results: Results, method: str, segment: str, schema: str, people: Sequence[tuple[Item, str]]) -> Conversation:
    hashes = dict.fromkeys(one for _item, one in people)
    body = {"users": [{"schema": [schema], "data": [[one] for one in hashes]}]}
    try:
        yield json_request(method, f"{HOST}/segments/{quote(segment, safe='')}/users", body, timeout=TIMEOUT)
    except HttpError as error:
        results.refuse([item for item, _one in people], error, sentence(error))


def _identifiers(payload: Mapping[str, Any]) -> dict[str, str]:
    """Schema → hash, of those that the person has."""
    hashes = {schema: hashed(str(payload.get(field) or ""), normalize) for schema, (field, normalize) in KINDS.items()}
    return {schema: value for schema, value in hashes.items() if value}


def _is_member(item: Item) -> bool | None:
    """What the event says, else the truth of the audience's key in the mapped properties."""
    if item.membership is not None:
        return item.membership
    key, properties = str(item.payload.get("audienceKey") or ""), item.payload.get("props")
    if not isinstance(properties, Mapping) or key not in properties:
        return None
    return bool(properties[key])
