from __future__ import annotations

import hashlib
import hmac
import json

from destinations.connectors.webhook_classic import send_event
from destinations.kit.definition import Context
from destinations.kit.testing import run

EVENT = {"type": "track", "event": "Audience Entered", "userId": "u1", "properties": {"vip": True}}


def test_posts_the_whole_event_with_headers_and_signature() -> None:
    settings = {"url": "https://example.org/x", "headers": {"X-Key": "abc"}, "sharedSecret": "s"}

    ran = run(lambda _: send_event(Context(settings=settings), EVENT))

    assert json.loads(ran.request.body or b"") == EVENT
    assert ran.request.headers["X-Key"] == "abc"
    assert ran.request.headers["X-Signature"] == hmac.new(b"s", ran.request.body or b"", hashlib.sha1).hexdigest()


def test_without_a_secret_there_is_no_signature() -> None:
    ran = run(lambda _: send_event(Context(settings={"url": "https://example.org/x"}), EVENT))

    assert dict(ran.request.headers) == {"Content-Type": "application/json"}
