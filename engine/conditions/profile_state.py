"""What `evaluate` has to know of one profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

KNOWN_IDENTIFIERS = ("user_id", "email", "android.idfa", "ios.idfa")
"""A profile with one of these is not anonymous (audiences-and-traits.md §4)."""


@dataclass(frozen=True, kw_only=True)
class EventRecord:
    """A stored event; datetimes are aware. `name` is "" for a page or screen without one."""

    id: str
    type: str
    name: str
    timestamp: datetime
    received_at: datetime
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ProfileState:
    """`identifiers` maps an identifier type to its values; `memberships` holds keys (and ids).

    Of users these are of the audiences they are in, of the account audiences that an account of theirs is in, and of
    the journey steps they are in. `users` are those of an account; `name` is how evidence calls a user.
    Numbers may be int, float or Decimal; read JSON with `parse_float=Decimal` where digits beyond a float matter.
    """

    traits: Mapping[str, Any] = field(default_factory=dict)
    identifiers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    events: Sequence[EventRecord] = ()
    memberships: frozenset[str] = frozenset()
    users: Sequence[ProfileState] = ()
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What an audience sets beside its condition.

    `include_anonymous`: false wants one of user_id, email, android.idfa, ios.idfa (users only; ignored for accounts).
    `historical_from`: only events received at or after it count. `occurred_from`: only those that happened then.
    """

    include_anonymous: bool = True
    historical_from: datetime | None = None
    occurred_from: datetime | None = None
