"""F136: a stored event goes to the destinations that are connected to its source directly, and into the space."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from django.test.utils import CaptureQueriesContext

from audiences.models import ChangedProfiles
from delivery.models import Connection, Delivery, DeliveryLog, FirstSync
from delivery.selectors.books import books_of
from delivery.services import connections, source_connections
from delivery.tests.builders import make_destination
from ingest import pipeline
from ingest.models import InboundBatch
from ingest.pipeline import process_next
from ingest.tests.inbound_rows import counts, identify, ingest, process, profile_of, receive, track
from profiles.models import Event, Regulation
from profiles.services.suppressions import Key, suppress
from spaces.models import Source, Space
from tests.factories import make_source

pytestmark = pytest.mark.django_db


@pytest.fixture
def source(space: Space) -> Source:
    return make_source(space=space, name="Website")


def connect(source: Source, **fields: Any) -> Connection:
    destination = make_destination(space=source.space, **fields)
    return source_connections.connect_source(source=source, destination=destination, actor=None)


def queued(connection: Connection) -> list[Delivery]:
    return sorted(Delivery.objects.filter(connection_id=connection.pk), key=lambda one: one.id)


def test_every_type_of_call_is_queued_once_as_it_was_written(source: Source, space: Space) -> None:
    """F136: under its own messageId, for the profile that the space made of it."""
    connection = connect(source)
    calls: list[dict[str, Any]] = [
        identify("m1", userId="u1", traits={"plan": "pro"}),
        track("m2", "Signed\tUp\\", userId="u1", properties={"note": 'a "\\quote\\"\n'}, writeKey="secret"),
        {"type": "page", "messageId": "m3", "userId": "u1", "name": "Home"},
        {"type": "screen", "messageId": "m4", "userId": "u1", "name": "Main"},
        {"type": "group", "messageId": "m5", "userId": "u1", "groupId": "g1", "traits": {"name": "Firm"}},
    ]

    ingest(source, *calls)

    found = queued(connection)
    ann = profile_of(space, "user_id", "u1")
    assert [(one.message_id, one.kind, one.event) for one in found] == [
        ("m1", "identify", None),
        ("m2", "track", "Signed\tUp\\"),
        ("m3", "page", None),
        ("m4", "screen", None),
        ("m5", "group", None),
    ]
    assert {one.profile_id for one in found} == {ann.id}
    payloads = [json.loads(one.payload) for one in found]
    for sent, given in zip(payloads, calls, strict=True):
        given.pop("writeKey", None)
        assert {name: sent[name] for name in given} == given
    assert "writeKey" not in payloads[1]
    assert Event.objects.in_space(space).count() == 3
    assert ChangedProfiles.objects.filter(space_id=space.pk).exists()
    books = books_of([connection])[connection.pk]
    assert (books.emitted, books.waiting, books.unaccounted) == (5, 5, 0)


def test_only_the_connected_source_feeds_the_destination(source: Source, space: Space) -> None:
    first, second = connect(source), connect(source)
    other = make_source(space=space, name="Server")

    ingest(source, track("m1", userId="u1"))
    ingest(other, track("m2", userId="u1"))

    assert [one.message_id for one in queued(first)] == ["m1"]
    assert [one.message_id for one in queued(second)] == ["m1"]


def test_duplicates_rejected_blocked_and_filtered_calls_emit_nothing(source: Source, space: Space) -> None:
    connection = connect(source)

    ingest(source, track("m1", userId="u1"), track("m1", userId="u1"))
    ingest(
        source,
        track("m1", userId="u1"),
        track("m2", userId="null"),
        {"type": "nonsense", "messageId": "m3", "userId": "u1"},
        {"type": "track", "messageId": "m4", "userId": "u1"},
        track("personas_5", userId="u1"),
    )

    assert [one.message_id for one in queued(connection)] == ["m1"]


def test_suppressed_people_emit_nothing(source: Source, space: Space) -> None:
    connection = connect(source)
    regulation = Regulation.objects.create(space=space, kind=Regulation.Kind.SUPPRESS)
    suppress(regulation=regulation, keys=[Key("user_id", "u1")], profile_id=None, is_temporary=False)

    ingest(
        source,
        track("m1", userId="u1"),
        {"type": "alias", "messageId": "m2", "userId": "u1", "previousId": "a"},
        track("m3", userId="u1", integrations={"Personas": False}),
        track("m4", userId="u2"),
    )

    assert [one.message_id for one in queued(connection)] == ["m4"]


def test_what_the_space_keeps_nothing_of_reaches_the_destination_all_the_same(source: Source, space: Space) -> None:
    """Alias, and calls that `integrations` keep out of the space alone, under a stand-in for the profile."""
    connection = connect(source)

    ingest(
        source,
        {"type": "alias", "messageId": "m1", "userId": "u1", "previousId": "a1"},
        track("m2", userId="u1", integrations={"Engage": False}),
        track("m3", userId="u2", integrations={"Personas": False}),
    )

    found = queued(connection)
    assert [(one.message_id, one.kind) for one in found] == [("m1", "alias"), ("m2", "track"), ("m3", "track")]
    assert found[0].profile_id == found[1].profile_id < 0
    assert found[2].profile_id < 0
    assert found[2].profile_id != found[0].profile_id
    assert json.loads(found[0].payload)["previousId"] == "a1"
    assert Event.objects.in_space(space).count() == 0


def test_calls_of_people_who_are_merged_by_the_batch_are_the_survivors(source: Source, space: Space) -> None:
    connection = connect(source)
    ingest(source, track("m1", anonymousId="a1"), track("m2", userId="u1"))

    ingest(source, identify("m3", userId="u1", anonymousId="a1"), track("m4", anonymousId="a1"))

    survivor = profile_of(space, "user_id", "u1").id
    found = {one.message_id: one.profile_id for one in queued(connection)}
    assert (found["m3"], found["m4"]) == (survivor, survivor)


def test_a_paused_or_removed_connection_gets_nothing_new(source: Source, space: Space) -> None:
    paused, removed, kept = connect(source), connect(source), connect(source)
    ingest(source, track("m1", userId="u1"))
    connections.set_enabled(connection=paused, is_enabled=False, actor=None)
    connections.remove(connection=removed, actor=None)

    ingest(source, track("m2", userId="u1"))
    connections.set_enabled(connection=paused, is_enabled=True, actor=None)

    assert [one.message_id for one in queued(paused)] == ["m1"]
    assert [one.message_id for one in queued(kept)] == ["m1", "m2"]
    assert queued(removed) == []
    books = books_of([removed])[removed.pk]
    assert (books.emitted, books.superseded, books.unaccounted) == (1, 1, 0)
    assert not FirstSync.objects.filter(connection=paused).exists()


def test_what_a_disabled_destination_misses_is_kept_as_a_dead_letter(source: Source, space: Space) -> None:
    connection = connect(source, is_enabled=False)

    ingest(source, track("m1", userId="u1"), identify("m2", userId="u1"))

    logged = DeliveryLog.objects.filter(connection_id=connection.pk).order_by("id")
    assert [(one.message_id, one.outcome, one.reason) for one in logged] == [
        ("m1", "filtered", "DESTINATION_DISABLED"),
        ("m2", "filtered", "DESTINATION_DISABLED"),
    ]
    books = books_of([connection])[connection.pk]
    assert (books.emitted, books.filtered, books.unaccounted) == (2, 2, 0)


def test_a_run_that_breaks_off_loses_and_doubles_nothing(
    source: Source, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F136: the calls are queued in the transaction that takes the request out of the log."""
    connection = connect(source)
    receive(source, track("m1", userId="u1"), track("m2", userId="u1"))
    queue = pipeline.send_on

    def killed(*args: Any) -> int:
        queue(*args)
        assert len(queued(connection)) == 2
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "send_on", killed)
    with pytest.raises(KeyboardInterrupt), transaction.atomic():
        process_next()
    assert queued(connection) == []
    assert (InboundBatch.objects.count(), books_of([connection])[connection.pk].emitted) == (1, 0)
    monkeypatch.setattr(pipeline, "send_on", queue)

    process()

    assert [one.message_id for one in queued(connection)] == ["m1", "m2"]
    assert counts(source) == (2, 2, 0, 0)
    assert books_of([connection])[connection.pk].emitted == 2


def test_a_space_without_such_connections_pays_one_look_up(source: Source, space: Space) -> None:
    connections.remove(connection=connect(source), actor=None)
    receive(source, *(track(f"m{number}", userId=f"u{number}") for number in range(50)))

    with CaptureQueriesContext(database) as asked:
        assert process_next() == 50

    assert len([one["sql"] for one in asked if "delivery" in one["sql"]]) == 1
