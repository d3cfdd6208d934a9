"""An event of a source as it is sent on to a destination that is connected to the source directly (F136)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from engine.events import Call, RejectedMessageError, without_nul
from engine.payloads import wire_time

# Who has the write key can write into the space: it is nobody else's business.
HIDDEN = ("writeKey",)

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def source_event(raw: bytes, call: Call, *, received_at: datetime) -> dict[str, Any]:
    """The event as its sender wrote it, with what its path, its batch and its receipt add, and under its own messageId.

    `timestamp` is corrected for the clock of the sender, `originalTimestamp` is what the sender said.
    """
    event = _as_written(raw)
    if event is None:
        event = _as_read(call)
    for name in HIDDEN:
        event.pop(name, None)
    event |= {"type": call.type, "messageId": call.message_id, "context": call.context}
    said = event.get("originalTimestamp") or event.get("timestamp")
    event["originalTimestamp"] = said if isinstance(said, str) else wire_time(call.ts)
    event["timestamp"] = wire_time(call.ts)
    event["receivedAt"] = wire_time(received_at)
    if call.integrations:
        event["integrations"] = call.integrations
    else:
        event.pop("integrations", None)
    return event


def _as_written(raw: bytes) -> dict[str, Any] | None:
    """None when a member that nobody reads here cannot be read, such as a number that no computer can hold."""
    try:
        return _decode(without_nul(raw) if b"\\u0000" in raw else raw)
    except (ValueError, RecursionError, RejectedMessageError):
        return None


def _as_read(call: Call) -> dict[str, Any]:
    named = {"track": "event", "page": "name", "screen": "name"}
    found: dict[str, Any] = {
        "userId": call.user_id,
        "anonymousId": call.anonymous_id,
        "groupId": call.group_id,
        "properties": call.properties or None,
        "traits": call.traits or None,
    }
    if call.type in named:
        found[named[call.type]] = call.name
    return {name: value for name, value in found.items() if value is not None}
