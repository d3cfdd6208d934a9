"""Identity resolution of one micro-batch: one look-up, the rules of engine/identity.py, one write of each kind."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection

from common.ids import BASE62
from engine.identity import (
    ACCOUNTS,
    Extracted,
    Identifier,
    KnownProfile,
    Resolver,
    Rules,
    extract,
    has_ids_alone,
    sole_owner,
)
from ingest.inbound import Message
from profiles.services.identity_rules import add_identifier_types, identity_rules

_encode = msgspec.json.encode
# 256 byte values onto 62 letters: Segment IDs must be unique, not secret.
_LETTERS = bytes(ord(BASE62[value % 62]) for value in range(256))


class IdentityConflictError(Exception):
    """Another worker bound one of the identifiers at the same moment; look up again."""


def extract_all(space_id: int, messages: Sequence[Message]) -> tuple[Rules, list[Extracted]]:
    """The identifiers of each message. Types that arrive for the first time get their rule now (§4.1).

    Calls that say the same two ids and no more share one object: visits are many calls of one person.
    """
    rules = identity_rules(space_id)
    found = _extract_each(messages, rules)
    unknown = {pair for item in found if item.unknown_types for pair in item.unknown_types}
    if unknown:
        rules = add_identifier_types(space_id=space_id, types=unknown)
        found = _extract_each(messages, rules)
    return rules, found


def _extract_each(messages: Sequence[Message], rules: Rules) -> list[Extracted]:
    shared: dict[tuple[str | None, str | None], Extracted] = {}
    found: list[Extracted] = []
    for message in messages:
        call = message.call
        if call is None:
            continue
        if not has_ids_alone(call, rules):
            found.append(extract(call, rules))
            continue
        ids = (call.user_id, call.anonymous_id)
        item = shared.get(ids)
        if item is None:
            item = shared[ids] = extract(call, rules)
        found.append(item)
    return found


class Resolved(msgspec.Struct, gc=False):
    """The profile of each message (by position; None = no identifier left), and of group calls the account."""

    resolver: Resolver
    users: list[int | None]
    accounts: list[int | None]


def resolve(space_id: int, rules: Rules, found: Sequence[Extracted], times: Sequence[datetime]) -> Resolved:
    """Resolve all messages in order against the stored profiles. Writes nothing."""
    distinct = list({id(item): item for item in found}.values())
    owners = look_up(space_id, distinct)
    resolver = Resolver(rules, owners, load_profiles(space_id, _involved(owners, distinct)))
    users: list[int | None] = []
    accounts: list[int | None] = []
    for number, (item, at) in enumerate(zip(found, times, strict=True)):
        users.append(resolver.resolve(number, item.users, at))
        accounts.append(resolver.resolve(number, item.accounts, at) if item.accounts else None)
    if resolver.merges:
        current = resolver.current
        users = [None if profile_id is None else current(profile_id) for profile_id in users]
        accounts = [None if profile_id is None else current(profile_id) for profile_id in accounts]
    return Resolved(resolver, users, accounts)


def look_up(space_id: int, found: Sequence[Extracted]) -> dict[Identifier, int]:
    """Which of the identifiers are bound, and to which profile: one statement for each type that occurs."""
    keys = {one.key for item in found for one in item.users}
    keys.update(one.key for item in found if item.accounts for one in item.accounts)
    by_type: dict[tuple[int, str], list[str]] = {}
    for collection, id_type, value in keys:
        by_type.setdefault((collection, id_type), []).append(value)
    owners: dict[Identifier, int] = {}
    with connection.cursor() as cursor:
        for (collection, id_type), values in sorted(by_type.items()):
            cursor.execute(
                "SELECT value, profile_id FROM external_id WHERE space_id = %s AND collection = %s AND id_type = %s "
                "AND value = ANY(%s::text[])",
                [space_id, collection, id_type, text_array(values)],
            )
            owners.update({Identifier(collection, id_type, value): profile_id for value, profile_id in cursor})
    return owners


def text_array(values: Iterable[str]) -> str:
    """An array literal; psycopg writes long lists several times slower."""
    inner = '","'.join(value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return f'{{"{inner}"}}' if inner else "{}"


def _involved(owners: dict[Identifier, int], found: Sequence[Extracted]) -> set[int]:
    """Profiles of messages that add an identifier to a profile or bring several together."""
    involved: set[int] = set()
    for item in found:
        for group in (item.users, item.accounts):
            if len(group) > 1 and sole_owner(owners, group) is None:
                involved |= {owners[one.key] for one in group if one.key in owners}
    return involved


def load_profiles(space_id: int, ids: set[int]) -> dict[int, KnownProfile]:
    if not ids:
        return {}
    wanted = sorted(ids)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, collection, created_at, merges FROM profile WHERE space_id = %s AND id = ANY(%s)",
            [space_id, wanted],
        )
        profiles = {row[0]: KnownProfile(id=row[0], collection=row[1], age=row[2], merges=row[3]) for row in cursor}
        cursor.execute(
            "SELECT profile_id, id_type, value, created_at FROM external_id "
            "WHERE space_id = %s AND profile_id = ANY(%s)",
            [space_id, wanted],
        )
        for profile_id, id_type, value, created_at in cursor:
            if profile_id in profiles:
                profiles[profile_id].ids.setdefault(id_type, {})[value] = created_at
    if len(profiles) < len(ids):
        raise IdentityConflictError  # merged away between the two look-ups
    return profiles


def new_ids(count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('profile_id_seq') FROM generate_series(1, %s)", [count])
        return [row[0] for row in cursor.fetchall()]


def new_segment_id(collection: int) -> str:
    prefix = "acc_" if collection == ACCOUNTS else "use_"
    return prefix + os.urandom(27).translate(_LETTERS).decode()


def bind(space_id: int, resolved: Resolved, numbers: dict[int, int], messages: Sequence[Message]) -> None:
    """Store the new identifiers, in key order so that two workers wait for each other instead of deadlocking.

    IdentityConflictError when somebody else has bound one meanwhile.
    """
    attached = sorted(resolved.resolver.attached, key=lambda item: item.found.key)
    if not attached:
        return
    rows: list[dict[str, Any]] = []
    for item in attached:
        profile_id = resolved.resolver.current(item.profile_id)
        message = messages[item.call]
        key = item.found.key
        rows.append(
            {
                "c": key.collection,
                "t": key.id_type,
                "v": key.value,
                "o": item.found.original,
                "p": numbers.get(profile_id, profile_id),
                "s": message.source_id,
                "m": message.message_id,
                "a": message.received_at,
            }
        )
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO external_id (space_id, collection, id_type, value, original, profile_id, source_id, "
            "first_message_id, created_at) SELECT %s, c, t, v, o, p, s, m, a FROM json_to_recordset(%s) "
            "AS i(c smallint, t text, v text, o text, p bigint, s bigint, m text, a timestamptz) "
            "ORDER BY c, t, v ON CONFLICT DO NOTHING",
            [space_id, _encode(rows).decode()],
        )
        if cursor.rowcount != len(rows):
            raise IdentityConflictError
