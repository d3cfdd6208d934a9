"""Traits: the last write by time wins, whatever the order of arrival (ingestion-and-profiles.md §3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from django.db import connection

from engine.events import is_naive_datetime

_encode = msgspec.json.encode
_decode = msgspec.json.decode


class TraitWrite(NamedTuple):
    """The traits of one call; `at` is its time in epoch milliseconds. A null value removes the trait."""

    at: float
    traits: Mapping[str, Any]


class TraitState:
    """The live traits of a profile and when each key was last written or removed (epoch milliseconds)."""

    __slots__ = ("changed", "times", "traits")

    def __init__(self, traits: dict[str, Any] | None = None, times: dict[str, float] | None = None) -> None:
        self.traits = {} if traits is None else traits
        self.times = {} if times is None else times
        self.changed: set[str] = set()

    def write(self, write: TraitWrite) -> None:
        """Apply one call. Of two writes at the same instant the later applied one wins."""
        at = write.at
        for key, value in write.traits.items():
            if self.times.get(key, float("-inf")) > at or is_naive_datetime(value):
                continue
            self.times[key] = at
            if value is None:
                if self.traits.pop(key, None) is not None:
                    self.changed.add(key)
            elif key not in self.traits or self.traits[key] != value or type(self.traits[key]) is not type(value):
                self.traits[key] = value
                self.changed.add(key)

    def absorb(self, other: TraitState) -> None:
        """Take over the newer values of a profile that is merged into this one."""
        for key, at in other.times.items():
            self.write(TraitWrite(at, {key: other.traits.get(key)}))


def lock_traits(*, space_id: int, profile_ids: Iterable[int]) -> dict[int, TraitState]:
    """The states of stored profiles, locked in id order until the transaction ends."""
    wanted = sorted(set(profile_ids))
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, traits::text, trait_times::text FROM profile "
            "WHERE space_id = %s AND id = ANY(%s) ORDER BY id FOR UPDATE",
            [space_id, wanted],
        )
        return {row[0]: TraitState(_decode(row[1]), _decode(row[2])) for row in cursor.fetchall()}


def store_traits(
    *, space_id: int, states: Mapping[int, TraitState], last_message_ids: Mapping[int, str], now: datetime
) -> None:
    """Write back locked states in one statement."""
    if not states:
        return
    rows = [
        {"i": profile_id, "t": state.traits, "w": state.times, "m": last_message_ids.get(profile_id)}
        for profile_id, state in sorted(states.items())
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE profile p SET traits = d.t, trait_times = d.w, updated_at = %s, "
            "last_message_id = coalesce(d.m, p.last_message_id) "
            "FROM json_to_recordset(%s) AS d(i bigint, t jsonb, w jsonb, m text) WHERE p.space_id = %s AND p.id = d.i",
            [now, _encode(rows).decode(), space_id],
        )


def update_traits(*, space_id: int, profile_id: int, traits: Mapping[str, Any], at: float, now: datetime) -> set[str]:
    """Write traits of one profile outside the pipeline; returns the keys that changed. Call inside a transaction."""
    states = lock_traits(space_id=space_id, profile_ids=[profile_id])
    state = states.get(profile_id)
    if state is None:
        return set()
    state.write(TraitWrite(at, traits))
    store_traits(space_id=space_id, states=states, last_message_ids={}, now=now)
    return state.changed
