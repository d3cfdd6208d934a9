"""What was stored goes on to the destinations that are connected to its source directly (F136).

Also calls that the space keeps nothing of: alias, and those that `integrations` keep out of the space alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from django.utils import timezone

from delivery.services.source_calls import Direct, SourceCall, emit_source_calls, stand_in
from engine.source_events import source_event
from ingest.inbound import Message

_encode = msgspec.json.encode


def send_on(events: Sequence[tuple[int | None, Message]], direct: Direct) -> int:
    """Queue the calls, in the order in which the events came; how many. Call it last, for the counters are shared."""
    if not events:
        return 0
    ordered = sorted(events, key=lambda pair: (pair[1].row_id, pair[1].position))
    calls = [found for profile_id, message in ordered if (found := _call(profile_id, message, direct)) is not None]
    return emit_source_calls(direct, calls, now=timezone.now())


def _call(profile_id: int | None, message: Message, direct: Direct) -> SourceCall | None:
    call = message.call
    if call is None:
        return None
    if profile_id is None:
        space_id = direct[message.source_id][0].space_id
        id_type, value = ("user_id", call.user_id) if call.user_id else ("anonymous_id", call.anonymous_id or "")
        profile_id = stand_in(space_id, id_type=id_type, value=value)
    return SourceCall(
        source_id=message.source_id,
        profile_id=profile_id,
        message_id=message.message_id or "",
        kind=call.type,
        event=call.name if call.type == "track" else "",
        payload=_encode(source_event(message.raw, call, received_at=message.received_at)).decode(),
    )
