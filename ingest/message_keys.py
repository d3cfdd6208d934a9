"""Whether a message came before: its messageId is a key of the space until ENGAGE_DEDUPE_DAYS have passed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from django.db import IntegrityError, connection, transaction

from ingest.inbound import Message

# Whoever sends a messageId again is likely to do so for a while: until then each key is looked out for.
REPEATED_SECONDS = 60.0

_repeated_until: dict[int, float] = {}


def claim_keys(space_id: int, messages: Sequence[Message], now: datetime) -> list[bool]:
    """Whether each message is the first with its messageId. Keys go in sorted, so that workers cannot deadlock."""
    keys = [
        sha256(message.message_id.encode()).hexdigest()[:32] if message.is_named and message.message_id else ""
        for message in messages
    ]
    named = sorted({key for key in keys if key})
    if not named:
        return [True] * len(keys)
    seen = set() if _insert_new_keys(space_id, named, now) else _insert_keys(space_id, named, now)
    if not seen and len(named) == len(keys):
        return [True] * len(keys)
    verdicts: list[bool] = []
    for key in keys:
        verdicts.append(not key or key not in seen)
        if key:
            seen.add(key)
    return verdicts


def _insert_new_keys(space_id: int, keys: Sequence[str], now: datetime) -> bool:
    """Store keys of which none is known; False when one was. Half the work of looking out for each one's conflict."""
    if _repeated_until.get(space_id, 0.0) > time.monotonic():
        return False
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO message_key (space_id, key, received_at) "
                "SELECT %s, key, %s FROM unnest(%s::uuid[]) AS given(key)",
                [space_id, now, "{" + ",".join(keys) + "}"],
            )
    except IntegrityError:
        _repeated_until[space_id] = time.monotonic() + REPEATED_SECONDS
        return False
    return True


def _insert_keys(space_id: int, keys: Sequence[str], now: datetime) -> set[str]:
    """Store keys; returns those that were known."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH given AS MATERIALIZED (SELECT key FROM unnest(%s::uuid[]) AS given(key) ORDER BY key), "
            "taken AS (INSERT INTO message_key (space_id, key, received_at) SELECT %s, key, %s FROM given "
            "ON CONFLICT DO NOTHING RETURNING key) "
            "SELECT replace(key::text, '-', '') FROM given WHERE key NOT IN (SELECT key FROM taken)",
            ["{" + ",".join(keys) + "}", space_id, now],
        )
        return {row[0] for row in cursor.fetchall()}
