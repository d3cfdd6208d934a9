from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from delivery.models import Connection, FirstSync, ListSync
from delivery.services import lists
from delivery.services.emit import Change, emit_changes
from delivery.tests.builders import COMPUTATION_ID, make_connection, make_destination, rows
from delivery.tests.sinks import Received, Sink
from spaces.models import Space
from tests.factories import make_profile

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def connected(space: Space, sink: Sink, **settings: Any) -> Connection:
    destination = make_destination(space=space, url=sink.url, connector="webhook_list", **settings)
    return make_connection(space=space, destination=destination)


def change(space: Space, *profile_ids: int, value: bool = True, at: datetime = NOW) -> None:
    emit_changes(
        space=space,
        computation_id=COMPUTATION_ID,
        changes=[Change(profile_id=profile_id, value=value) for profile_id in profile_ids],
        now=at,
    )


def make_profiles(space: Space, count: int) -> list[int]:
    return [make_profile(space=space).id for _ in range(count)]


def books(connection: Connection) -> dict[str, int]:
    found = rows(
        "SELECT outcome, sum(calls)::bigint FROM delivery_counter WHERE connection_id = %s GROUP BY 1", connection.pk
    )
    waiting = rows("SELECT count(*) FROM list_change WHERE connection_id = %s", connection.pk)[0][0]
    return {name: calls for name, calls in [*found, ("waiting", waiting)] if calls}


def test_first_upload_takes_the_whole_list_at_once(space: Space, sink: Sink) -> None:
    """F078, F079."""
    connection = connected(space, sink)
    change(space, *make_profiles(space, 25))

    assert lists.sync_due(now=NOW) == 1

    assert len(sink.requests) == 1
    assert books(connection) == {"emitted": 25, "delivered": 25}
    assert ListSync.objects.values_list("state", "adds", "removes", "delivered").get() == ("done", 25, 0, 25)


def test_batches_are_of_the_vendor_size(space: Space, sink: Sink) -> None:
    connection = connected(space, sink, batchSize=10)
    change(space, *make_profiles(space, 25))

    lists.sync_due(now=NOW)

    assert len(sink.requests) == 3
    assert books(connection) == {"emitted": 25, "delivered": 25}


def test_first_upload_waits_for_the_first_sync(space: Space, sink: Sink) -> None:
    connection = connected(space, sink)
    run = FirstSync.objects.create(connection=connection)
    change(space, *make_profiles(space, 2))

    before = lists.sync_due(now=NOW)
    FirstSync.objects.filter(pk=run.pk).update(state=FirstSync.State.DONE)

    assert (before, lists.sync_due(now=NOW)) == (0, 1)


def test_later_only_changes_at_the_cadence(space: Space, sink: Sink) -> None:
    """F063, F080, F124."""
    connection = connected(space, sink, intervalMinutes=60)
    stays, leaves, new = make_profiles(space, 3)
    change(space, stays, leaves)
    lists.sync_due(now=NOW)
    first = len(sink.requests)
    change(space, leaves, value=False, at=NOW + timedelta(minutes=5))
    change(space, new, at=NOW + timedelta(minutes=5))

    early = lists.sync_due(now=NOW + timedelta(minutes=59))
    due = lists.sync_due(now=NOW + timedelta(minutes=60))

    assert (early, due) == (0, 1)
    delta = json.dumps([received.body for received in sink.requests[first:]])
    known = {
        row[0]: row[1]
        for row in rows("SELECT message_id, profile_id FROM delivery_log WHERE connection_id = %s", connection.pk)
    }
    told = {profile_id for message_id, profile_id in known.items() if message_id in delta}
    assert stays not in told
    assert rows("SELECT kind, profile_id FROM delivery_log ORDER BY id DESC LIMIT 2") == [
        ("add", new),
        ("remove", leaves),
    ]


def test_list_is_made_once_and_its_id_kept(space: Space, sink: Sink) -> None:
    made: list[str] = []

    def answer(received: Received) -> tuple[int, dict[str, str], bytes]:
        if received.path == "/make":
            made.append(received.path)
        return 200, {"Content-Type": "application/json"}, b'{"externalId": "list-7"}'

    sink.answer = answer
    connection = connected(space, sink, createAudienceUrl=sink.url.replace("/in", "/make"))
    change(space, *make_profiles(space, 1))
    lists.sync_due(now=NOW)
    change(space, *make_profiles(space, 1))
    lists.sync_due(now=NOW + timedelta(hours=1))

    connection.refresh_from_db()
    assert connection.external_audience_id == "list-7"
    assert made == ["/make"]
    assert books(connection) == {"emitted": 2, "delivered": 2}


def test_failed_batch_is_tried_again(space: Space, sink: Sink) -> None:
    connection = connected(space, sink)
    sink.answer = lambda _received: (503, {}, b"")
    change(space, *make_profiles(space, 3))
    lists.sync_due(now=NOW)
    waiting = books(connection)
    sink.answer = lambda _received: (200, {}, b"")

    lists.sync_due(now=NOW + timedelta(seconds=2))

    assert waiting == {"emitted": 3, "waiting": 3}
    assert books(connection) == {"emitted": 3, "delivered": 3}
    assert rows("SELECT DISTINCT attempts FROM delivery_log") == [(2,)]
    assert rows("SELECT count(*), min(status) FROM attempt") == [(3, 503)]


def test_refused_batch_fails_each_entry(space: Space, sink: Sink) -> None:
    connection = connected(space, sink)
    sink.answer = lambda _received: (400, {}, b"no such list")
    change(space, *make_profiles(space, 3))

    lists.sync_due(now=NOW)

    assert books(connection) == {"emitted": 3, "failed": 3}
    assert rows("SELECT DISTINCT reason, status FROM delivery_log") == [("400", 400)]


def test_run_that_was_cut_short_is_taken_up(space: Space, sink: Sink) -> None:
    connection = connected(space, sink, batchSize=10)
    change(space, *make_profiles(space, 25))
    lists.sync_connection(connection=connection, now=NOW, deadline=0)
    cut = ListSync.objects.get()

    lists.sync_due(now=NOW + timedelta(seconds=5))

    assert (cut.state, sink.requests[:0]) == ("running", [])
    assert ListSync.objects.values_list("state", "delivered").get() == ("done", 25)
    assert books(connection) == {"emitted": 25, "delivered": 25}


def test_change_during_a_run_is_kept_for_the_next(space: Space, sink: Sink) -> None:
    connection = connected(space, sink)
    [profile] = make_profiles(space, 1)
    change(space, profile)
    up_to = rows("SELECT max(id) FROM list_change")[0][0]
    ListSync.objects.create(connection=connection, up_to_id=up_to, taken_at=NOW)
    change(space, profile, value=False)

    lists.sync_connection(connection=connection, now=NOW)
    lists.sync_connection(connection=connection, now=NOW)

    assert rows("SELECT kind, outcome FROM delivery_log ORDER BY id") == [
        ("add", "superseded"),
        ("remove", "delivered"),
    ]


def test_paused_list_is_not_synced(space: Space, sink: Sink) -> None:
    connection = connected(space, sink)
    change(space, *make_profiles(space, 1))
    Connection.objects.filter(pk=connection.pk).update(is_enabled=False)

    assert lists.sync_due(now=NOW) == 0

    assert sink.requests == []
