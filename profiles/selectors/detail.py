"""One profile: traits, identifiers, events, accounts and users."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from profiles.models import ACCOUNTS, COLLECTION_NAMES, AccountLink, Event, EventType, ExternalId, Profile, ProfileAlias
from profiles.selectors.search import identifiers_of, profiles_by_id
from spaces.models import Source, Space

EVENT_DAYS = 14
EVENT_PAGE = 25
MOST_LINKED = 200


@dataclass(frozen=True, kw_only=True)
class Trait:
    """`written_at` is the time of the call that last wrote it."""

    key: str
    value: Any
    written_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class EventPage:
    rows: list[Event]
    after: str | None


def traits_of(profile: Profile) -> list[Trait]:
    times = profile.trait_times or {}
    return [
        Trait(key=key, value=profile.traits[key], written_at=_instant(times.get(key))) for key in sorted(profile.traits)
    ]


def _instant(milliseconds: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(milliseconds) / 1000, tz=UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def display_name(traits: dict[str, Any], identifiers: list[ExternalId], segment_id: str) -> str:
    """What a person would call the profile: its name, else an e-mail address, a user id, any identifier."""
    first, last = (_text(traits.get(snake) or traits.get(camel)) for snake, camel in _NAME_KEYS)
    name = _text(traits.get("name")) or f"{first} {last}".strip()
    if name:
        return name
    by_type = {row.id_type: row.original for row in reversed(identifiers)}
    for id_type in ("email", "user_id", "group_id", "phone", "anonymous_id"):
        if id_type in by_type:
            return by_type[id_type]
    return identifiers[0].original if identifiers else segment_id


_NAME_KEYS = (("first_name", "firstName"), ("last_name", "lastName"))


def _text(value: Any) -> str:
    return value.strip()[:200] if isinstance(value, str) else ""


def merged_ids(space: Space, profile: Profile) -> QuerySet[ProfileAlias]:
    """Segment IDs that were merged into this profile, latest first."""
    return ProfileAlias.objects.filter(space_id=space.pk, profile_id=profile.id).order_by("-merged_at", "segment_id")


def events_of(
    space: Space,
    profile: Profile,
    *,
    days: int | None = EVENT_DAYS,
    event_type: int | None = None,
    name: str | None = None,
    after: str = "",
    size: int = EVENT_PAGE,
) -> EventPage:
    """Events of a profile, newest first. `days` None = all that are kept."""
    rows = _events(space, profile, days)
    if event_type is not None:
        rows = rows.filter(type=event_type)
    if name is not None:
        rows = rows.filter(name=name)
    cursor = _event_cursor(after)
    if cursor is not None:
        ts, event_id = cursor
        rows = rows.filter(Q(ts__lt=ts) | Q(ts=ts, id__lt=event_id))
    found = list(rows.order_by("-ts", "-id")[: size + 1])
    page = found[:size]
    more = f"{int(page[-1].ts.timestamp() * 1_000_000)}.{page[-1].id}" if len(found) > size else None
    return EventPage(rows=page, after=more)


def event_kinds(space: Space, profile: Profile, *, days: int | None = EVENT_DAYS) -> list[dict[str, Any]]:
    """The types and names among a profile's events: `[{"type", "type_name", "name", "count"}]`, most frequent first."""
    since = None if days is None else timezone.now() - timedelta(days=days)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT type, name, count(*) FROM event WHERE space_id = %(space)s AND profile_id = %(profile)s "
            "AND (%(since)s::timestamptz IS NULL OR ts >= %(since)s) "
            "GROUP BY type, name ORDER BY count(*) DESC, name LIMIT 100",
            {"space": space.pk, "profile": profile.id, "since": since},
        )
        return [
            {"type": kind, "type_name": EventType(kind).label, "name": name, "count": count}
            for kind, name, count in cursor.fetchall()
        ]


def event_of(space: Space, profile: Profile, event_id: int) -> Event | None:
    found: Event | None = Event.objects.in_space(space).filter(profile_id=profile.id, id=event_id).first()
    return found


def raw_event(event: Event, identifiers: list[ExternalId]) -> dict[str, Any]:
    """The event as the payload of a Segment call, with the identifiers of its profile."""
    named = "event" if event.type == EventType.TRACK else "name"
    return {
        "type": EventType(event.type).label,
        named: event.name,
        "messageId": event.message_id,
        "timestamp": event.ts.isoformat(),
        "receivedAt": event.received_at.isoformat(),
        "userId": event.user_id,
        "anonymousId": event.anonymous_id,
        "properties": event.properties,
        "context": context_of(event),
        "external_ids": [
            {
                "collection": COLLECTION_NAMES[row.collection],
                "type": row.id_type,
                "id": row.original,
                "encoding": "none",
            }
            for row in identifiers
        ],
    }


def context_of(event: Event) -> Any:
    if not event.context:
        return {}
    try:
        return json.loads(event.context)
    except (ValueError, RecursionError):
        return event.context


def linked_profiles(space: Space, profile: Profile) -> list[Profile]:
    """The users of an account, the accounts of a user; at most MOST_LINKED, latest link first."""
    links = AccountLink.objects.filter(space_id=space.pk)
    if profile.collection == ACCOUNTS:
        ids = list(
            links.filter(account_id=profile.id)
            .order_by("-created_at")
            .values_list("profile_id", flat=True)[:MOST_LINKED]
        )
    else:
        ids = list(
            links.filter(profile_id=profile.id)
            .order_by("-created_at")
            .values_list("account_id", flat=True)[:MOST_LINKED]
        )
    found = profiles_by_id(space, ids)
    return [found[profile_id] for profile_id in ids if profile_id in found]


def linked_count(space: Space, profile: Profile) -> int:
    links = AccountLink.objects.filter(space_id=space.pk)
    own = {"account_id": profile.id} if profile.collection == ACCOUNTS else {"profile_id": profile.id}
    return links.filter(**own).count()


def source_names(space: Space) -> dict[int, str]:
    return dict(Source.objects.in_space(space).values_list("pk", "name"))


def named(space: Space, profiles: list[Profile]) -> list[dict[str, Any]]:
    """For lists: `[{"profile", "name", "identifiers"}]`."""
    identifiers = identifiers_of(space, (profile.id for profile in profiles))
    return [
        {
            "profile": profile,
            "identifiers": identifiers.get(profile.id, []),
            "name": display_name(profile.traits, identifiers.get(profile.id, []), profile.segment_id),
        }
        for profile in profiles
    ]


def _events(space: Space, profile: Profile, days: int | None) -> Any:
    rows = Event.objects.in_space(space).filter(profile_id=profile.id)
    return rows if days is None else rows.filter(ts__gte=timezone.now() - timedelta(days=days))


def _event_cursor(text: str) -> tuple[datetime, int] | None:
    microseconds, dot, event_id = text.partition(".")
    try:
        if not dot:
            return None
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(microseconds)), int(event_id)
    except (ValueError, OverflowError):
        return None
