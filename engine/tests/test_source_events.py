"""An event of a source as it is sent on (F136)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.events import read_call
from engine.source_events import source_event

RECEIVED_AT = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def sent_on(raw: bytes | dict[str, Any], **outer: Any) -> dict[str, Any]:
    text = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    call = read_call(text, call="batch", received_at=RECEIVED_AT, **outer)
    return source_event(text, call, received_at=RECEIVED_AT)


def test_an_event_is_sent_on_as_it_was_written() -> None:
    event = {
        "type": "track",
        "messageId": "m1",
        "userId": "u1",
        "event": "Order Completed",
        "properties": {"revenue": 12.5, "items": [{"sku": "ä"}]},
        "context": {"ip": "1.2.3.4"},
        "timestamp": "2026-05-01T11:00:00.250Z",
        "channel": "browser",
    }

    assert sent_on(event) == event | {
        "originalTimestamp": "2026-05-01T11:00:00.250Z",
        "receivedAt": "2026-05-01T12:00:00.000Z",
    }


def test_what_the_batch_says_is_said_of_each_event() -> None:
    event = {"type": "identify", "messageId": "m1", "userId": "u1", "context": {"a": 1}, "integrations": {"CRM": True}}

    found = sent_on(event, context={"a": 0, "b": 2}, integrations={"All": False, "CRM": False})

    assert found["context"] == {"a": 1, "b": 2}
    assert found["integrations"] == {"All": False, "CRM": True}


def test_the_clock_of_the_sender_is_corrected() -> None:
    event = {
        "type": "page",
        "messageId": "m1",
        "anonymousId": "a1",
        "timestamp": "2026-05-01T10:00:00Z",
        "sentAt": "2026-05-01T10:00:05Z",
    }

    found = sent_on(event)

    assert found["timestamp"] == "2026-05-01T11:59:55.000Z"
    assert found["originalTimestamp"] == "2026-05-01T10:00:00Z"


def test_write_keys_are_not_sent_on() -> None:
    assert "writeKey" not in sent_on({"type": "track", "event": "A", "messageId": "m", "userId": "u", "writeKey": "k"})


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (rb'"note": "a\u0000b"', {"note": "a\ufffdb"}),
        (rb'"note": [1e999]', {"note": None}),
    ],
)
def test_members_that_no_reader_takes_are_mended_or_left_out(extra: bytes, expected: dict[str, Any]) -> None:
    found = sent_on(b'{"type": "track", "event": "A", "messageId": "m", "userId": "u", ' + extra + b"}")

    assert (found["event"], found["userId"], found["type"]) == ("A", "u", "track")
    assert {"note": found.get("note")} == expected
    assert json.loads(json.dumps(found)) == found
