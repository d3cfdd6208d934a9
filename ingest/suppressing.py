"""Calls of suppressed people are refused before anything is made of them, and nothing of what they said is kept.

A space that suppresses nobody pays one look into an index per micro-batch.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import msgspec
from django.db import connection

from engine.identity import USERS, Rules, extract
from ingest import bodies
from ingest.inbound import Message
from profiles.services.identity_rules import identity_rules
from profiles.services.suppressions import Key, Suppressed, suppressed_in

CODE = "suppressed"
DETAIL = "The person is suppressed in this space. What the call said was not kept."
# What stands in the place of a message that may not be kept.
BLANK = b'{"removed":true}'
LONGEST_LEAF = 500


def refuse_suppressed(space_id: int, messages: Sequence[Message]) -> None:
    """Reject the calls that carry a suppressed identifier, and blank them in the requests they came in.

    Call it in the transaction that holds the requests, before anything else looks at the messages.
    """
    suppressed = suppressed_in(space_id)
    if suppressed is None:
        return
    keys = [_keys_of(message, suppressed, identity_rules(space_id)) for message in messages]
    refused = suppressed.among({key for found in keys for key in found})
    if not refused:
        return
    blanked: dict[int, set[int]] = {}
    for message, found in zip(messages, keys, strict=True):
        if refused.isdisjoint(found):
            continue
        message.reject(CODE, DETAIL)
        message.raw, message.message_id = BLANK, None
        blanked.setdefault(message.row_id, set()).add(message.position)
    _blank_requests(blanked)


def _keys_of(message: Message, suppressed: Suppressed, rules: Rules) -> set[Key]:
    if message.call is not None:
        found = extract(message.call, rules).users
        return {Key(one.key.id_type, one.key.value) for one in found if one.key.collection == USERS}
    # A message that is rejected anyway: whatever it says, under any type.
    return {Key(id_type, text) for text in leaves(message.raw) for id_type in suppressed.types}


def leaves(raw: bytes) -> set[str]:
    """The texts and numbers in a JSON text, in lower case; none when it is not JSON."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return set()
    return {text.lower() for text in _walk(value) if 0 < len(text) <= LONGEST_LEAF}


def _walk(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, str):
            yield one
        elif isinstance(one, int | float) and not isinstance(one, bool):
            yield str(one)


def _blank_requests(places: dict[int, set[int]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, call, encoding, body FROM inbound_batch WHERE id = ANY(%s)", [list(places)])
        for row_id, call, encoding, body in cursor.fetchall():
            kind, stored = blank(call, bodies.unpack(encoding, bytes(body)), places[row_id])
            cursor.execute(
                "UPDATE inbound_batch SET encoding = %s, body = %s, ip = NULL WHERE id = %s", [kind, stored, row_id]
            )


def blank(call: str, body: bytes, places: Collection[int]) -> tuple[int, bytes]:
    """(encoding, body) of a request without the messages at these places; the others keep theirs."""
    if call != "batch":
        return bodies.pack(BLANK, None)
    try:
        envelope = bodies.split(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return bodies.pack(BLANK, None)
    items: Iterable[bytes] = [bytes(item) for item in envelope.batch or ()]
    kept = [BLANK if place in places else item for place, item in enumerate(items)]
    outer: dict[str, Any] = {"batch": [msgspec.Raw(item) for item in kept]}
    if any(item is not BLANK for item in kept):  # what the batch says of all of its calls is theirs too
        outer |= {"context": envelope.context, "integrations": envelope.integrations}
    outer["sentAt"] = envelope.sent_at
    return bodies.pack(msgspec.json.encode({name: value for name, value in outer.items() if value is not None}), None)
