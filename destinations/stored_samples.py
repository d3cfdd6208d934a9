"""A stored event that a link names, as the sample of a mapping: `event:<messageId>`, or one of an app above.

Apps above (settings.SAMPLE_EVENTS) keep more than events: messages as they were received, calls as they were emitted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from engine.payloads import wire_time
from profiles.masking import masked
from profiles.models import Event, EventType
from profiles.selectors.messages import event_by_message
from spaces.models import Space

GONE = "This event is not kept any more. Choose another one."
LONGEST = 500


def stored_sample(space: Space, reference: str, *, shows_pii: bool) -> Mapping[str, Any] | None:
    """The event that `reference` names, personal values masked without the right; None when the space has it not."""
    kind, _colon, name = reference.replace("\x00", "")[:LONGEST].partition(":")
    if not name:
        return None
    found: Mapping[str, Any] | None = None
    if kind == "event":
        event = event_by_message(space, name)
        found = tracked(event) if event is not None else None
    elif kind in settings.SAMPLE_EVENTS:
        found = import_string(settings.SAMPLE_EVENTS[kind])(space, name)
    if not found:
        return None
    return found if shows_pii else masked(dict(found))


def tracked(event: Event) -> dict[str, Any]:
    """A stored event in the shape in which it was sent."""
    word = EventType(event.type).label
    found: dict[str, Any] = {"type": word}
    if event.name:
        found["event" if word == "track" else "name"] = event.name
    if event.user_id:
        found["userId"] = event.user_id
    if event.anonymous_id:
        found["anonymousId"] = event.anonymous_id
    return found | {
        "properties": event.properties,
        "context": json.loads(event.context or "{}"),
        "messageId": event.message_id,
        "timestamp": wire_time(event.ts),
        "receivedAt": wire_time(event.received_at),
    }
