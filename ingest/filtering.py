"""Event filters of a space: what they drop is rejected before identity resolution, and counted so (W022)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ingest.inbound import Message
from profiles.services.event_filters import SpaceFilter, enabled_filters

CODE = "filtered_by_space"

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def drop_filtered(space_id: int, messages: Sequence[Message]) -> None:
    """Reject the messages for which an enabled filter holds. One query for all of them."""
    filters = enabled_filters(space_id)
    if not filters:
        return
    for message in messages:
        if message.call is not None:
            _judge(message, filters)


def _judge(message: Message, filters: Sequence[SpaceFilter]) -> None:
    call = message.call
    assert call is not None
    # As it was sent, with what the path and the batch around it say.
    event = _decode(message.raw) | {"type": call.type, "context": call.context, "messageId": message.message_id}
    for one in filters:
        if one.holds(event):
            message.reject(CODE, f"The event filter “{one.name}” of the space drops it.")
            return
