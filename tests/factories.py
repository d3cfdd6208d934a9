"""Objects for tests, typed. Every argument has a default that makes a valid, unique object."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from common.ids import new_account_segment_id, new_user_segment_id
from profiles.models import ACCOUNTS, USERS, AccountLink, Event, EventType, ExternalId, Profile
from spaces.models import Member, Role, Source, Space, SpaceKind, User, Workspace
from spaces.services.tokens import create_token

NOW = datetime(2026, 3, 15, 12, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"
_numbers = itertools.count(1)


def make_user(*, email: str = "", name: str = "", password: str = PASSWORD) -> User:
    return User.objects.create_user(email or f"user{next(_numbers)}@example.com", password, name=name)


def make_workspace(*, name: str = "") -> Workspace:
    number = next(_numbers)
    return Workspace.objects.create(name=name or f"Workspace {number}", slug=f"workspace-{number}")


def make_member(
    *,
    workspace: Workspace | None = None,
    user: User | None = None,
    role: str = Role.OWNER,
    has_pii_access: bool = True,
) -> Member:
    return Member.objects.create(
        workspace=workspace or make_workspace(), user=user or make_user(), role=role, has_pii_access=has_pii_access
    )


def make_space(
    *, workspace: Workspace | None = None, name: str = "", slug: str = "", kind: str = SpaceKind.DEV
) -> Space:
    name = name or f"Space {next(_numbers)}"
    return Space.objects.create(
        workspace=workspace or make_workspace(), name=name, slug=slug or name.lower().replace(" ", "-"), kind=kind
    )


def make_token(*, user: User, space: Space | None = None, label: str = "test") -> str:
    """The token's text. With a space, the user's membership in its workspace; else their first."""
    members = Member.objects.filter(user=user)
    if space is not None:
        members = members.filter(workspace_id=space.workspace_id)
    return create_token(member=members.order_by("id")[0], label=label, space=space).secret


def make_source(*, space: Space, name: str = "", is_enabled: bool = True) -> Source:
    return Source.objects.create(space=space, name=name or f"Source {next(_numbers)}", is_enabled=is_enabled)


def make_profile(
    *,
    space: Space,
    traits: dict[str, Any] | None = None,
    ids: Iterable[tuple[str, str]] | dict[str, str] | None = None,
    collection: int = USERS,
    created_at: datetime = NOW,
    segment_id: str = "",
) -> Profile:
    """A profile with `ids` as (type, value) pairs; without any, a user_id (an account: a group_id) of its own."""
    pairs = list(ids.items()) if isinstance(ids, dict) else list(ids or [])
    if ids is None:
        kind = "group_id" if collection == ACCOUNTS else "user_id"
        pairs = [(kind, f"{kind}-{next(_numbers)}")]
    traits = traits or {}
    profile = Profile.objects.create(
        space_id=space.pk,
        id=_next("profile_id_seq"),
        collection=collection,
        segment_id=segment_id or (new_account_segment_id() if collection == ACCOUNTS else new_user_segment_id()),
        traits=traits,
        trait_times={key: int(created_at.timestamp() * 1000) for key in traits},
        created_at=created_at,
        updated_at=created_at,
    )
    for position, (id_type, value) in enumerate(pairs):
        make_identifier(
            profile=profile, id_type=id_type, value=value, created_at=created_at + timedelta(seconds=position)
        )
    return profile


def make_identifier(*, profile: Profile, id_type: str, value: str, created_at: datetime = NOW) -> ExternalId:
    return ExternalId.objects.create(
        space_id=profile.space_id,
        collection=profile.collection,
        id_type=id_type,
        value=value.lower(),
        original=value,
        profile_id=profile.id,
        created_at=created_at,
    )


def make_account(
    *, space: Space, traits: dict[str, Any] | None = None, ids: Any = None, users: Iterable[Profile] = ()
) -> Profile:
    """An account profile to which `users` belong."""
    account = make_profile(space=space, traits=traits, ids=ids, collection=ACCOUNTS)
    for user in users:
        AccountLink.objects.create(
            space_id=space.pk, account_id=account.id, profile_id=user.id, created_at=account.created_at
        )
    return account


def make_event(
    *,
    profile: Profile,
    name: str = "Order Completed",
    type: int = EventType.TRACK,  # noqa: A002 - the column's name
    properties: dict[str, Any] | None = None,
    ts: datetime = NOW,
    received_at: datetime | None = None,
    source: Source | None = None,
    message_id: str = "",
    context: str | None = None,
) -> Event:
    return Event.objects.create(
        space_id=profile.space_id,
        id=_next("event_id_seq"),
        profile_id=profile.id,
        type=type,
        name=name,
        ts=ts,
        received_at=received_at or ts,
        source_id=source.pk if source else 0,
        message_id=message_id or f"message-{next(_numbers)}",
        properties=properties or {},
        context=context,
    )


def _next(sequence: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(%s)", [sequence])
        return int(cursor.fetchone()[0])
