"""A stored event by its messageId, over the whole retention.

The index `event_message` is a summary of block ranges (BRIN with Bloom filters): it costs next to nothing to keep
while events are appended, and leaves a few ranges to read. `services.partitions.summarize` keeps it up to date.
"""

from __future__ import annotations

from profiles.models import Event
from spaces.models import Space


def event_by_message(space: Space, message_id: str) -> Event | None:
    """The stored track, page or screen call with this messageId."""
    for found in Event.objects.in_space(space).filter(message_id=message_id)[:1]:
        event: Event = found
        return event
    return None
