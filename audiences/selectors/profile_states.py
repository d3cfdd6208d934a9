"""One profile as `engine.conditions.evaluate` wants it: what a definition mentions, read exactly."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from django.db import connection
from django.db.models import Q

from audiences.models import Audience, Membership
from engine.conditions import Condition, EventRecord, Mentions, ProfileState, mentions
from profiles.models import EventType, ExternalId, Profile
from spaces.models import Space

MOST_EVENTS = 5_000
TYPE_NUMBERS = {kind.label: kind.value for kind in EventType}
TYPE_NAMES = {kind.value: kind.label for kind in EventType}
# Numbers as PostgreSQL compares them: a float would lose digits.
_loads = partial(json.loads, parse_float=Decimal)

EVENTS = """
SELECT e.id, e.type, e.name, e.ts, e.received_at, e.properties::text FROM event e
WHERE e.space_id = %(space)s AND e.profile_id = %(profile)s AND ({kinds})
ORDER BY e.ts DESC, e.id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, kw_only=True)
class LoadedState:
    """`is_cut`: the profile has more than MOST_EVENTS events of these kinds; the latest are in `state`."""

    state: ProfileState
    is_cut: bool


def load_state(*, space: Space, profile: Profile, condition: Condition) -> LoadedState:
    """What the condition looks at, as it is stored now."""
    mentioned = mentions(condition)
    events = _events(space, profile, mentioned)
    return LoadedState(
        state=ProfileState(
            traits=_traits(space, profile),
            identifiers=_identifiers(space, profile),
            events=events[:MOST_EVENTS],
            memberships=_memberships(space, profile, mentioned.audiences),
        ),
        is_cut=len(events) > MOST_EVENTS,
    )


def _traits(space: Space, profile: Profile) -> dict[str, object]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT traits::text FROM profile WHERE space_id = %s AND id = %s", [space.pk, profile.id])
        row = cursor.fetchone()
    found: dict[str, object] = _loads(row[0]) if row else {}
    return found


def _events(space: Space, profile: Profile, mentioned: Mentions) -> list[EventRecord]:
    """The newest events of the mentioned kinds, one more than MOST_EVENTS when there are more."""
    if not mentioned.events:
        return []
    params = {"space": space.pk, "profile": profile.id, "limit": MOST_EVENTS + 1}
    tests = []
    for index, (kind, name) in enumerate(sorted(mentioned.events, key=str)):
        test = f"e.type = {TYPE_NUMBERS[kind]}"
        if name is not None:
            params[f"name{index}"] = name
            test += f" AND e.name = %(name{index})s"
        tests.append(f"({test})")
    with connection.cursor() as cursor:
        cursor.execute(EVENTS.format(kinds=" OR ".join(tests)), params)
        rows = cursor.fetchall()
    return [
        EventRecord(
            id=str(event_id),
            type=TYPE_NAMES[kind],
            name=name,
            timestamp=ts,
            received_at=received_at,
            properties=_loads(properties),
        )
        for event_id, kind, name, ts, received_at, properties in rows
    ]


def _identifiers(space: Space, profile: Profile) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in ExternalId.objects.in_space(space).filter(profile_id=profile.id).order_by("created_at", "value"):
        found.setdefault(row.id_type, []).append(row.original)
    return found


def _memberships(space: Space, profile: Profile, named: Iterable[str]) -> frozenset[str]:
    """Keys and ids, as the condition writes them, of the audiences that the profile is in."""
    wanted = set(named)
    if not wanted:
        return frozenset()
    audiences = Audience.objects.in_space(space).live().filter(Q(key__in=wanted) | Q(public_id__in=wanted)).in_bulk()
    inside = Membership.objects.filter(
        space_id=space.pk, profile_id=profile.id, audience_id__in=audiences, is_member=True
    ).values_list("audience_id", flat=True)
    return frozenset(name for pk in inside for name in (audiences[pk].key, audiences[pk].public_id) if name in wanted)
