"""Emitting in tests, and what came of it, as short texts and dicts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from delivery.models import Connection
from delivery.services.emit import Change, emit_changes
from delivery.tests.builders import COMPUTATION_ID, rows
from profiles.models import Profile
from spaces.models import Space

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


def emit(space: Space, profile: Profile, value: bool, **options: Any) -> int:
    options.setdefault("now", NOW)
    change = Change(profile_id=profile.id, value=value)
    return emit_changes(space=space, computation_id=COMPUTATION_ID, changes=[change], **options)


def payloads(connection: Connection) -> list[dict[str, Any]]:
    found = rows("SELECT payload FROM delivery WHERE connection_id = %s ORDER BY id", connection.pk)
    return [json.loads(row[0]) for row in found]


def clear(connection: Connection) -> None:
    rows("DELETE FROM delivery WHERE connection_id = %s RETURNING 1", connection.pk)


def who(call: dict[str, Any]) -> str:
    """Whom a Track call names: `user U1`, `anonymous a1`, and what else it carries: ` mail …`, ` device ios …`."""
    text = f"user {call['userId']}" if "userId" in call else f"anonymous {call['anonymousId']}"
    if email := call["context"].get("traits", {}).get("email"):
        text += f" mail {email}"
    if device := call["context"].get("device"):
        text += f" device {device['type']} {device['advertisingId']}"
    return text + "".join(
        f" {name}={value}" for name, value in call["properties"].items() if name not in ("audience_key", "big_spenders")
    )


def said(connection: Connection) -> list[str]:
    """Every call of a connection, sorted: `Entered user U1 mail a@example.com`."""
    return sorted(f"{call['event'].removeprefix('Audience ')} {who(call)}" for call in payloads(connection))
