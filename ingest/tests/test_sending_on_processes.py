"""F136 with commits, processes and a receiver of its own: an event goes both ways, and a kill changes nothing."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection as database

from audiences.models import Audience, Membership
from audiences.services.audiences import create_audience
from audiences.services.backfill import claim_run, work
from audiences.services.compute import compute_block
from common.http import CurlPool
from delivery.models import Connection, Delivery, DeliveryLog
from delivery.selectors.books import books_of
from delivery.services.source_connections import connect_source
from delivery.services.worker import Worker
from delivery.tests.builders import make_destination
from delivery.tests.sinks import serving
from engage_admin.wsgi import application
from ingest import inbox as inbox_module
from ingest.inbox import inbox
from ingest.models import InboundBatch
from ingest.tests.inbound_rows import counts, identify, process, profile_of, receive, track
from profiles.services.identity_rules import forget_identity_rules
from spaces.models import Source, Space, User
from tests.factories import make_source

pytestmark = pytest.mark.django_db(transaction=True)

ORDERED = {"version": 1, "collection": "users", "where": {"event": "Order Completed"}}


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(inbox_module, "wake", lambda task: None)
    monkeypatch.setattr("common.tasks.wake", lambda task, **kwargs: None)
    forget_identity_rules()
    yield
    inbox.stop()


@pytest.fixture
def source(space: Space) -> Source:
    return make_source(space=space, name="Website")


def connect(source: Source, **fields: Any) -> Connection:
    return connect_source(source=source, destination=make_destination(space=source.space, **fields), actor=None)


def send(source: Source, *calls: dict[str, Any]) -> None:
    """Through the tracking API, as a client does."""
    body = json.dumps({"batch": calls, "writeKey": source.write_key}).encode()
    request = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/v1/batch",
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": "application/json",
        "REMOTE_ADDR": "203.0.113.9",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
    }
    statuses: list[str] = []
    list(application(request, lambda status, _headers: statuses.append(status)))
    assert statuses == ["200 OK"]


def members(audience: Audience) -> set[int]:
    return set(Membership.objects.filter(audience_id=audience.pk, is_member=True).values_list("profile_id", flat=True))


def test_an_event_reaches_the_receiver_directly_and_moves_the_audience(
    source: Source, space: Space, owner: User
) -> None:
    """F136: the same source event reaches the directly connected destination and the space; F044 filters it."""
    audience = create_audience(space=space, name="Buyers", definition=ORDERED, created_by=owner)
    while run := claim_run():
        work(run)
    with serving() as sink, CurlPool(concurrency=20) as pool:
        connection = connect(source, url=sink.url, trigger='type = "track"')
        send(
            source,
            track("m1", userId="u1", properties={"revenue": 12.5}),
            track("m2", userId="u2", integrations={"All": False}),
            track("m3", userId="u3", integrations={"All": False, "Webhook (Actions)": True}),
            track("m4", userId="u4", integrations={"Webhook (Actions)": False}),
            identify("m5", userId="u5"),
            track("m1", userId="u1"),
        )

        process()
        compute_block(space=space)
        Worker(pool=pool).run(seconds=20)

    assert members(audience) == {profile_of(space, "user_id", f"u{number}").id for number in range(1, 5)}
    got = {request.body["messageId"]: request.body for request in sink.requests}
    assert sorted(sink.message_ids) == ["m1", "m3"]
    assert (got["m1"]["event"], got["m1"]["userId"]) == ("Order Completed", "u1")
    assert got["m1"]["properties"] == {"revenue": 12.5}
    assert {row.message_id: row.reason for row in DeliveryLog.objects.filter(connection_id=connection.pk)} == {
        "m1": None,
        "m2": "FILTERED_BY_INTEGRATIONS_OBJECT",
        "m3": None,
        "m4": "FILTERED_BY_INTEGRATIONS_OBJECT",
        "m5": "NO_MATCHING_MAPPING",
    }
    books = books_of([connection])[connection.pk]
    assert (books.emitted, books.delivered, books.filtered, books.unaccounted) == (5, 2, 3, 0)
    assert counts(source) == (6, 5, 1, 0)


WORKER = """
import time
import django; django.setup()
from django.conf import settings
settings.DATABASES["default"]["NAME"] = {name!r}
from ingest import pipeline
pipeline.process_next(limit=2)
queue = pipeline.send_on
def hang(*given):
    queue(*given)
    print("in the middle of a transaction", flush=True)
    time.sleep(60)
pipeline.send_on = hang
pipeline.process_next(limit=2)
"""


def test_a_killed_worker_loses_and_doubles_no_call(source: Source) -> None:
    """F136: SIGKILL between the queueing of the calls and the commit."""
    connection = connect(source)
    for number in range(6):
        receive(source, track(f"a{number}", userId=f"u{number}"), identify(f"b{number}", userId=f"u{number}"))
    code = WORKER.format(name=database.settings_dict["NAME"])
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "engage_admin.settings_test"}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        worker.stdout.readline()
        worker.send_signal(signal.SIGKILL)
    left, before = InboundBatch.objects.count(), books_of([connection])[connection.pk].emitted

    process()

    sent = sorted(Delivery.objects.filter(connection_id=connection.pk).values_list("message_id", flat=True))
    books = books_of([connection])[connection.pk]
    assert 0 < left < 6
    assert before == 2 * (6 - left)
    assert sent == [f"{kind}{number}" for kind in "ab" for number in range(6)]
    assert (books.emitted, books.waiting, books.unaccounted) == (12, 12, 0)
    assert counts(source) == (12, 12, 0, 0)
