"""Profiles as `engine.conditions.evaluate` wants them: what a definition mentions, read exactly, in few statements."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any

from django.db import connection
from django.db.models import Q

from audiences.models import Audience, Membership
from audiences.services.steps import step_source
from engine.conditions import Condition, EventRecord, Mentions, ProfileState, mentions
from profiles.models import ACCOUNTS, AccountLink, EventType, ExternalId, Profile
from spaces.models import Space

MOST_EVENTS = 5_000
MOST_USERS = 1_000
TYPE_NUMBERS = {kind.label: kind.value for kind in EventType}
TYPE_NAMES = {kind.value: kind.label for kind in EventType}
# Numbers as PostgreSQL compares them: a float would lose digits.
_loads = partial(json.loads, parse_float=Decimal)

EVENTS = """
SELECT e.profile_id, e.id, e.type, e.name, e.ts, e.received_at, e.properties::text
FROM unnest(%(ids)s::bigint[]) AS i(id) CROSS JOIN LATERAL (
    SELECT e.* FROM event e WHERE e.space_id = %(space)s AND e.profile_id = i.id AND ({kinds})
    ORDER BY e.ts DESC, e.id DESC LIMIT %(limit)s
) e
"""


@dataclass(frozen=True, kw_only=True)
class LoadedState:
    """`is_cut`: there is more than MOST_EVENTS events a profile or MOST_USERS users; `state` holds the latest."""

    state: ProfileState
    is_cut: bool


def load_state(*, space: Space, profile: Profile, condition: Condition) -> LoadedState:
    """What the condition looks at, as it is stored now; of an account with its users."""
    return load_mentioned(space=space, profile=profile, mentioned=mentions(condition))


def load_mentioned(*, space: Space, profile: Profile, mentioned: Mentions) -> LoadedState:
    """What is mentioned, as `load_state`."""
    loader = _Loader(space, mentioned)
    if profile.collection != ACCOUNTS:
        return LoadedState(state=loader.states([profile.id])[profile.id], is_cut=loader.is_cut)
    links = AccountLink.objects.filter(space_id=space.pk, account_id=profile.id).order_by("-created_at", "profile_id")
    ids = list(links.values_list("profile_id", flat=True)[: MOST_USERS + 1])
    own = _Loader(space, replace(loader.mentioned, events=frozenset())).states([profile.id])[profile.id]
    users = loader.states(ids[:MOST_USERS])
    state = ProfileState(
        traits=own.traits,
        identifiers=own.identifiers,
        memberships=own.memberships,
        users=[users[profile_id] for profile_id in ids[:MOST_USERS] if profile_id in users],
        name=own.name,
    )
    return LoadedState(state=state, is_cut=loader.is_cut or len(ids) > MOST_USERS)


class _Loader:
    def __init__(self, space: Space, mentioned: Mentions) -> None:
        self.space = space
        self.mentioned = mentioned
        self.is_cut = False

    def states(self, ids: Sequence[int]) -> dict[int, ProfileState]:
        """The profiles that exist, named by their Segment IDs."""
        if not ids:
            return {}
        events, identifiers, memberships = self._events(ids), self._identifiers(ids), self._memberships(ids)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT id, segment_id, traits::text FROM profile WHERE space_id = %s AND id = ANY(%s::bigint[])",
                [self.space.pk, list(ids)],
            )
            rows = cursor.fetchall()
        return {
            profile_id: ProfileState(
                traits=_loads(traits),
                identifiers=identifiers.get(profile_id, {}),
                events=events.get(profile_id, ()),
                memberships=frozenset(memberships.get(profile_id, ())),
                name=segment_id,
            )
            for profile_id, segment_id, traits in rows
        }

    def _events(self, ids: Sequence[int]) -> Mapping[int, Sequence[EventRecord]]:
        """The newest events of the mentioned kinds."""
        if not self.mentioned.events:
            return {}
        params: dict[str, Any] = {"space": self.space.pk, "ids": list(ids), "limit": MOST_EVENTS + 1}
        tests = []
        for index, (kind, name) in enumerate(sorted(self.mentioned.events, key=str)):
            test = f"e.type = {TYPE_NUMBERS[kind]}"
            if name is not None:
                params[f"name{index}"] = name
                test += f" AND e.name = %(name{index})s"
            tests.append(f"({test})")
        found: dict[int, list[EventRecord]] = defaultdict(list)
        with connection.cursor() as cursor:
            cursor.execute(EVENTS.format(kinds=" OR ".join(tests)), params)
            for profile_id, event_id, number, name, ts, received_at, properties in cursor.fetchall():
                found[profile_id].append(
                    EventRecord(
                        id=str(event_id),
                        type=TYPE_NAMES[number],
                        name=name,
                        timestamp=ts,
                        received_at=received_at,
                        properties=_loads(properties),
                    )
                )
        self.is_cut = self.is_cut or any(len(rows) > MOST_EVENTS for rows in found.values())
        return {profile_id: rows[:MOST_EVENTS] for profile_id, rows in found.items()}

    def _identifiers(self, ids: Sequence[int]) -> dict[int, dict[str, list[str]]]:
        found: dict[int, dict[str, list[str]]] = {}
        rows = ExternalId.objects.in_space(self.space).filter(profile_id__in=ids).order_by("created_at", "value")
        for row in rows:
            found.setdefault(row.profile_id, {}).setdefault(row.id_type, []).append(row.original)
        return found

    def _memberships(self, ids: Sequence[int]) -> dict[int, set[str]]:
        """Names, as the condition writes them, of what the profiles or the accounts of users are in."""
        named = self.mentioned.audiences
        found = self._steps(ids)
        if not named:
            return found
        audiences = Audience.objects.in_space(self.space).live().filter(Q(key__in=named) | Q(public_id__in=named))
        by_pk = {row.pk: {row.key, row.public_id} & named for row in audiences}
        accounts_of = self._accounts(ids)
        holders = {*ids, *(account for accounts in accounts_of.values() for account in accounts)}
        inside: dict[int, set[str]] = defaultdict(set)
        rows = Membership.objects.filter(
            space_id=self.space.pk, audience_id__in=by_pk, profile_id__in=holders, is_member=True
        ).values_list("profile_id", "audience_id")
        for profile_id, audience_id in rows:
            inside[profile_id] |= by_pk[audience_id]
        for profile_id in ids:
            for holder in (profile_id, *accounts_of.get(profile_id, ())):
                found[profile_id] |= inside.get(holder, set())
        return found

    def _steps(self, ids: Sequence[int]) -> dict[int, set[str]]:
        """Names of the mentioned journey steps that the profiles are in."""
        found: dict[int, set[str]] = defaultdict(set)
        named = self.mentioned.journey_steps
        if not named:
            return found
        names = {step.row_id: step.names & named for step in step_source().steps(space=self.space, names=named)}
        statement = step_source().members.format(
            space="%(space)s::integer", steps="%(steps)s::bigint[]", scope=" AND p.profile_id = ANY(%(ids)s::bigint[])"
        )
        with connection.cursor() as cursor:
            cursor.execute(statement, {"space": self.space.pk, "steps": list(names), "ids": list(ids)})
            for profile_id, step_id in cursor.fetchall():
                found[profile_id] |= names[step_id]
        return found

    def _accounts(self, ids: Iterable[int]) -> dict[int, list[int]]:
        found: dict[int, list[int]] = defaultdict(list)
        links = AccountLink.objects.filter(space_id=self.space.pk, profile_id__in=ids)
        for profile_id, account_id in links.values_list("profile_id", "account_id"):
            found[profile_id].append(account_id)
        return found
