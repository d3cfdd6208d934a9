"""Vendors that answer what nobody expects: every call ends with an outcome and a sentence, and none is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from delivery.services import lists
from delivery.services.emit import Change, emit_changes
from delivery.tests.builders import COMPUTATION_ID, make_connection, make_destination, rows
from delivery.tests.sinks import Sink
from destinations.connectors.webhook import send
from destinations.kit.http import Request
from destinations.models import Mapping
from spaces.models import Space
from tests.factories import make_profile

RunWorker = Callable[..., bool]
HTML = b"<!doctype html><title>Sign in</title><h1>Down for maintenance</h1>"
TEN_MEGABYTES = b"x" * 10_000_000


def enter(space: Space) -> None:
    change = Change(profile_id=make_profile(space=space).id, value=True)
    emit_changes(space=space, computation_id=COMPUTATION_ID, changes=[change], now=timezone.now())


def log() -> list[tuple[Any, ...]]:
    return rows("SELECT outcome, reason, status FROM delivery_log")


@pytest.mark.parametrize(
    ("status", "headers", "body", "outcome"),
    [
        pytest.param(200, {"Content-Type": "text/html"}, HTML, ("delivered", None, 200), id="html"),
        pytest.param(200, {"Content-Type": "application/json"}, b"", ("delivered", None, 200), id="empty"),
        pytest.param(200, {"Content-Type": "application/json"}, b"{not json", ("delivered", None, 200), id="no-json"),
        pytest.param(200, {}, TEN_MEGABYTES, ("delivered", None, 200), id="10-mb"),
        pytest.param(400, {"Content-Type": "text/html"}, HTML, ("failed", "400", 400), id="html-refusal"),
        pytest.param(400, {}, TEN_MEGABYTES, ("failed", "400", 400), id="10-mb-refusal"),
        pytest.param(302, {"Location": "/in"}, b"", ("failed", "302", 302), id="redirect-loop"),
    ],
)
def test_an_odd_answer_is_judged_by_its_status(
    space: Space,
    sink: Sink,
    run_worker: RunWorker,
    status: int,
    headers: dict[str, str],
    body: bytes,
    outcome: tuple[Any, ...],
) -> None:
    make_connection(space=space, destination=make_destination(space=space, url=sink.url))
    sink.answer = lambda _received: (status, headers, body)
    enter(space)

    run_worker()

    assert log() == [outcome]
    assert len(sink.requests) == 1
    [(exchange,)] = rows("SELECT length(coalesce(exchange, '')) FROM delivery_log")
    assert exchange < 100_000


def test_a_vendor_that_never_answers_is_tried_again(
    space: Space, sink: Sink, run_worker: RunWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    monkeypatch.setattr(send, "Request", partial(Request, timeout=1.0))
    make_connection(space=space, destination=make_destination(space=space, url=sink.url))
    sink.answer = lambda _received: (over.wait(30), (200, {}, b"late"))[1]
    enter(space)

    run_worker(seconds=0.8)
    over.set()

    [(attempts, error)] = rows("SELECT attempts, last_error FROM delivery")
    assert attempts >= 1
    assert "did not answer within 1 seconds" in error
    assert log() == []


def test_a_list_vendor_that_answers_html_is_judged_by_its_status(space: Space, sink: Sink) -> None:
    destination = make_destination(space=space, url=sink.url, connector="webhook_list")
    make_connection(space=space, destination=destination)
    sink.answer = lambda _received: (200, {"Content-Type": "text/html"}, HTML)
    enter(space)

    lists.sync_due(now=timezone.now())

    assert log() == [("delivered", None, 200)]


def test_a_list_that_cannot_be_made_fails_with_a_sentence(space: Space, sink: Sink) -> None:
    """An answer without an id makes no list: the entries fail with what was wrong, and can be replayed."""
    destination = make_destination(
        space=space, url=sink.url, connector="webhook_list", createAudienceUrl=sink.url.replace("/in", "/make")
    )
    make_connection(space=space, destination=destination)
    sink.answer = lambda _received: (200, {"Content-Type": "text/html"}, HTML)
    enter(space)

    lists.sync_due(now=timezone.now())

    [(outcome, detail)] = rows("SELECT outcome, detail FROM delivery_log")
    assert outcome == "failed"
    assert detail


def test_a_mapping_that_cannot_resolve_makes_a_dead_letter_that_names_the_field(
    space: Space, sink: Sink, run_worker: RunWorker
) -> None:
    destination = make_destination(space=space, url=sink.url)
    make_connection(space=space, destination=destination)
    Mapping.objects.filter(destination=destination).update(
        fields={"url": sink.url, "method": {"@path": "$.context"}, "data": {"@path": "$."}}
    )
    enter(space)

    run_worker()

    [(outcome, reason, detail, message_id, event)] = rows(
        "SELECT outcome, reason, detail, message_id, payload::json ->> 'event' FROM delivery_log"
    )
    assert (outcome, reason, event) == ("failed", "PAYLOAD_VALIDATION_FAILED", "Audience Entered")
    assert "Method must be a string but it was an object." in detail
    assert message_id
    assert sink.requests == []
