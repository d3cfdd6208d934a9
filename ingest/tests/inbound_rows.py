"""Puts calls into the inbound log and reads back what became of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from ingest.bodies import pack
from ingest.models import InboundBatch, RejectedMessage, SourceCounter
from ingest.pipeline import process_next
from profiles.models import Event, ExternalId, Profile
from spaces.models import Source, Space

RECEIVED_AT = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def receive(
    source: Source,
    *calls: Any,
    received_at: datetime = RECEIVED_AT,
    refused: str = "",
    **outer: Any,
) -> None:
    """Put one batch request into the log."""
    receive_text(source, json.dumps({"batch": list(calls), **outer}), received_at=received_at, refused=refused)


def receive_text(
    source: Source, body: str, *, call: str = "batch", received_at: datetime = RECEIVED_AT, refused: str = ""
) -> None:
    encoding, stored = pack(body.encode(), None)
    InboundBatch.objects.create(
        space_id=source.space_id,
        source_id=source.pk,
        received_at=received_at,
        call=call,
        encoding=encoding,
        body=stored,
        refused=refused,
    )


def process() -> int:
    """Process until the log is empty; how many messages."""
    done = 0
    while count := process_next():
        done += count
    return done


def ingest(source: Source, *calls: Any, **fields: Any) -> None:
    receive(source, *calls, **fields)
    process()


def identify(message_id: str, **fields: Any) -> dict[str, Any]:
    return {"type": "identify", "messageId": message_id, **fields}


def track(message_id: str, event: str = "Order Completed", **fields: Any) -> dict[str, Any]:
    return {"type": "track", "messageId": message_id, "event": event, **fields}


def counts(source: Source) -> tuple[int, int, int, int]:
    """(received, stored, duplicate, rejected) of a source."""
    rows = SourceCounter.objects.filter(source_id=source.pk)
    return (
        sum(row.received for row in rows),
        sum(row.stored for row in rows),
        sum(row.duplicate for row in rows),
        sum(row.rejected for row in rows),
    )


def codes(source: Source) -> list[str]:
    return list(RejectedMessage.objects.filter(source_id=source.pk).order_by("id").values_list("code", flat=True))


def profile_of(space: Space, id_type: str, value: str, collection: int = 0) -> Profile:
    found = ExternalId.objects.get(space_id=space.pk, collection=collection, id_type=id_type, value=value)
    return Profile.objects.get(space_id=space.pk, id=found.profile_id)


def identifiers(profile: Profile) -> set[tuple[str, str]]:
    rows = ExternalId.objects.filter(space_id=profile.space_id, profile_id=profile.id)
    return {(row.id_type, row.value) for row in rows}


def events_of(profile: Profile) -> list[str]:
    rows = Event.objects.filter(space_id=profile.space_id, profile_id=profile.id).order_by("ts", "id")
    return [row.name for row in rows]
