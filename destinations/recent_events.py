"""What came in lately, to try a mapping with: the calls emitted to its destination, and stored events of the space."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection as database
from django.utils.module_loading import import_string

from destinations.models import Destination
from destinations.stored_samples import tracked
from destinations.triggers import event_names
from engine.fql import FqlError, parse
from profiles.masking import masked
from profiles.models import Event

SHOWN = 20
# How many calls, and how many events of each of how many names, are looked through for those that match.
CALLS, NAMES, EVENTS = 400, 25, 20
_UNTITLED = "(no name)"

# The newest events of the names seen last, by the index (space, type, name, time).
QUERY = """
WITH named AS (
    SELECT type, name FROM observed_event WHERE space_id = %(space)s AND name = ANY(%(names)s)
    UNION
    (SELECT type, name FROM observed_event WHERE space_id = %(space)s ORDER BY last_seen_at DESC LIMIT %(most)s)
)
SELECT found.* FROM named CROSS JOIN LATERAL (
    SELECT e.type, e.name, e.ts, e.received_at, e.message_id, e.user_id, e.anonymous_id, e.properties::text, e.context
    FROM event e WHERE e.space_id = %(space)s AND e.type = named.type AND e.name = named.name
    AND e.profile_id > 0
    ORDER BY e.ts DESC LIMIT %(each)s
) found ORDER BY found.ts DESC
"""


@dataclass(frozen=True, kw_only=True)
class RecentEvent:
    """`origin` is "Engage" for an emitted call and "Source" for a tracked event. `id` is the message id."""

    id: str
    title: str
    origin: str
    at: datetime
    event: Mapping[str, Any]

    @property
    def who(self) -> str:
        return str(self.event.get("userId") or self.event.get("anonymousId") or self.event.get("groupId") or "")


def recent_events(
    destination: Destination, *, trigger: str = "", limit: int = SHOWN, shows_pii: bool = True
) -> list[RecentEvent]:
    """The newest that match `trigger` (all for an empty or unreadable one): emitted calls, then stored events.

    Without the PII right personal values are masked.
    """
    matches = _matcher(trigger)
    found: list[RecentEvent] = []
    seen: set[str] = set()
    for one in _candidates(destination, trigger):
        if one.id in seen or not matches(one.event):
            continue
        seen.add(one.id)
        found.append(one)
        if len(found) == limit:
            break
    if shows_pii:
        return found
    return [
        RecentEvent(id=one.id, title=one.title, origin=one.origin, at=one.at, event=masked(dict(one.event)))
        for one in found
    ]


def _candidates(destination: Destination, trigger: str) -> Iterator[RecentEvent]:
    for made_at, call in _emitted()(destination, CALLS):
        yield RecentEvent(
            id=str(call.get("messageId", "")), title=_title(call), origin="Engage", at=made_at, event=call
        )
    yield from _stored(destination.space_id, trigger)


def _stored(space_id: int, trigger: str) -> Iterator[RecentEvent]:
    params: dict[str, Any] = {"space": space_id, "names": event_names(trigger), "most": NAMES, "each": EVENTS}
    with database.cursor() as cursor:
        cursor.execute(QUERY, params)
        rows = cursor.fetchall()
    for kind, name, ts, received_at, message_id, user_id, anonymous_id, properties, context in rows:
        row = Event(
            type=kind,
            name=name,
            ts=ts,
            received_at=received_at,
            message_id=message_id,
            user_id=user_id,
            anonymous_id=anonymous_id,
            properties=json.loads(properties or "{}"),
            context=context,
        )
        event = tracked(row)
        yield RecentEvent(id=message_id, title=_title(event), origin="Source", at=received_at, event=event)


def _title(event: Mapping[str, Any]) -> str:
    kind = str(event.get("type", "")).title()
    if kind == "Track":
        return f"Track: {event.get('event') or _UNTITLED}"
    name = event.get("name")
    return f"{kind}: {name}" if name and kind in ("Page", "Screen") else kind


def _matcher(trigger: str) -> Callable[[Any], bool]:
    try:
        return parse(trigger).matches
    except FqlError:
        return lambda _event: True


@cache
def _emitted() -> Callable[[Destination, int], Iterator[tuple[datetime, dict[str, Any]]]]:
    found: Callable[[Destination, int], Iterator[tuple[datetime, dict[str, Any]]]] = import_string(
        settings.DESTINATION_CALLS
    )
    return found
