"""From any messageId, user id, e-mail address or other identifier to the calls it is about, and what caused a call."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from delivery.models import ReplayItem, ReplayRun
from delivery.selectors.calls import CallFilter, CallRow, call_page
from delivery.selectors.lookups import find_person
from profiles.models import Event, EventType, Profile
from profiles.selectors.messages import event_by_message
from profiles.selectors.search import clean_query
from spaces.models import Space

MOST_CALLS = 50
MOST_EVENTS = 10
MOST_CAUSES = 3
TYPES = dict(EventType.choices)


@dataclass(kw_only=True)
class Trace:
    """What was found for a text: calls of that messageId, a source event, or a person; and the calls that follow.

    `calls` of an event are those of its person emitted from its receipt on, the first ones first; those of a person
    are the newest. `events` are the person's newest. `after` is the cursor of further calls.
    """

    text: str
    kind: str = ""
    calls: list[CallRow] = field(default_factory=list)
    event: Event | None = None
    profile: Profile | None = None
    events: list[Event] = field(default_factory=list)
    has_more: bool = False


def trace(space: Space, text: str) -> Trace:
    """`kind` says what was found: "call", "event", "person" or ""."""
    text = clean_query(text)
    found = Trace(text=text)
    if not text:
        return found
    calls = call_page(space, CallFilter(message_id=text), size=MOST_CALLS).rows
    # A call that a source sent on bears the messageId of its event: the event leads to all that came of it.
    event = event_by_message(space, text) if not calls or any(_is_direct(call) for call in calls) else None
    if calls and event is None:
        found.kind, found.calls = "call", calls
        found.profile = _profile(space, calls[0].profile_id)
        return found
    if event is not None:
        found.kind, found.event = "event", event
        found.profile = _profile(space, event.profile_id)
        since = CallFilter(profile_id=event.profile_id, since=event.received_at)
        page = call_page(space, since, before="0", size=MOST_CALLS)
        following, found.has_more = page.rows[::-1], page.before is not None
        ids = {call.id for call in calls}
        found.calls = [*reversed(calls), *(call for call in following if call.id not in ids)]
        return found
    profile = find_person(space, text)
    if profile is not None:
        found.kind, found.profile = "person", profile
        page = call_page(space, CallFilter(profile_id=profile.id), size=MOST_CALLS)
        found.calls, found.has_more = page.rows, page.after is not None
        found.events = recent_events(space, profile.id)
    return found


def recent_events(space: Space, profile_id: int, *, limit: int = MOST_EVENTS) -> list[Event]:
    """The newest stored events of a person, newest first."""
    return list(Event.objects.in_space(space).filter(profile_id=profile_id).order_by("-ts", "-id")[:limit])


def causes(
    space: Space, *, profile_id: int, before: datetime, events: Collection[tuple[str, str | None]] | None
) -> list[Event]:
    """The newest events of a person that were received until a call was emitted, among those its computation looks at.

    Newest first, at most three. None at all: a trait, an audience or the mere passing of time made the change.
    """
    rows = Event.objects.in_space(space).filter(profile_id=profile_id, received_at__lte=before)
    found: Sequence[Event] = list(rows.order_by("-received_at", "-id")[: 50 if events is not None else MOST_CAUSES])
    if events is not None:
        found = [one for one in found if _is_among(one, events)]
    return list(found[:MOST_CAUSES])


def event_behind(space: Space, call: CallRow) -> list[Event]:
    """The stored event that a source sent on as this call; none for the types that are not stored as events."""
    event = event_by_message(space, call.message_id)
    return [] if event is None else [event]


def replays_of(space: Space, call_id: int) -> list[ReplayRun]:
    """The replay runs that handed a call over, the last one first."""
    runs = ReplayItem.objects.filter(space_id=space.pk, delivery_id=call_id).values_list("run_id", flat=True)
    return list(ReplayRun.objects.in_space(space).filter(pk__in=list(runs)).order_by("-pk"))


def _is_direct(call: CallRow) -> bool:
    return call.connection is not None and call.connection.is_direct


def type_name(event: Event) -> str:
    return TYPES[event.type]


def _is_among(event: Event, wanted: Collection[tuple[str, str | None]]) -> bool:
    kind = type_name(event)
    return (kind, event.name) in wanted or (kind, None) in wanted


def _profile(space: Space, profile_id: int) -> Profile | None:
    found: Profile | None = Profile.objects.in_space(space).filter(id=profile_id).first()
    return found
