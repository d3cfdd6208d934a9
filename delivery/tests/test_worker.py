from __future__ import annotations

import json
import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from delivery.models import HELD, Connection
from delivery.services import breaker, connections
from delivery.services.emit import Change, emit_changes
from delivery.tests.builders import COMPUTATION_ID, make_connection, make_destination, rows
from delivery.tests.conftest import Clock
from delivery.tests.sinks import Received, Sink
from destinations.models import Mapping
from spaces.models import Space
from tests.factories import make_profile

RunWorker = Callable[..., bool]


def connected(space: Space, sink: Sink, *, send_identify: bool = False, **options: Any) -> Connection:
    destination = make_destination(space=space, url=sink.url, **options)
    return make_connection(space=space, destination=destination, send_identify=send_identify)


def enter(space: Space, count: int = 1, *, value: bool = True, profile_ids: list[int] | None = None) -> list[int]:
    ids = profile_ids or [make_profile(space=space).id for _ in range(count)]
    emit_changes(
        space=space,
        computation_id=COMPUTATION_ID,
        changes=[Change(profile_id=profile_id, value=value) for profile_id in ids],
        now=timezone.now(),
    )
    return ids


def outcomes(connection: Connection) -> list[tuple[Any, ...]]:
    return rows(
        "SELECT outcome, reason, attempts, status FROM delivery_log WHERE connection_id = %s ORDER BY id", connection.pk
    )


def books(connection: Connection) -> dict[str, int]:
    found = dict(
        rows(
            "SELECT outcome, sum(calls)::bigint FROM delivery_counter WHERE connection_id = %s GROUP BY 1",
            connection.pk,
        )
    )
    found["waiting"] = rows("SELECT count(*) FROM delivery WHERE connection_id = %s", connection.pk)[0][0]
    return {name: calls for name, calls in found.items() if calls}


def fail_times(count: int, status: int = 503, headers: dict[str, str] | None = None) -> Callable[[Received], Any]:
    """Answers the first `count` requests of each message with `status`."""
    seen: dict[str, int] = {}

    def answer(received: Received) -> tuple[int, dict[str, str], bytes]:
        message_id = received.body["messageId"]
        seen[message_id] = seen.get(message_id, 0) + 1
        if seen[message_id] <= count:
            return status, headers or {}, b"not now"
        return 200, {}, b"ok"

    return answer


def test_call_arrives_as_it_was_emitted(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    connection = connected(space, sink)
    enter(space)
    [(payload,)] = rows("SELECT payload FROM delivery")

    assert run_worker() is True

    assert [received.body for received in sink.requests] == [json.loads(payload)]
    assert outcomes(connection) == [("delivered", None, 1, 200)]
    assert books(connection) == {"emitted": 1, "delivered": 1}
    [(exchange,)] = rows("SELECT exchange FROM delivery_log")
    [told] = json.loads(exchange)
    assert json.loads(told["request"]["body"]) == json.loads(payload)
    assert (told["response"]["status"], told["response"]["body"]) == (200, "ok")


def test_many_calls_arrive_once_each(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    connection = connected(space, sink, send_identify=True)
    enter(space, 150)
    sent = {row[0] for row in rows("SELECT message_id FROM delivery")}

    run_worker()

    assert len(set(sink.message_ids)) == 300
    assert set(sink.message_ids) == sent
    assert books(connection) == {"emitted": 300, "delivered": 300}


@pytest.mark.django_db(transaction=True)
def test_outcomes_are_written_while_calls_go_on(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    connection = connected(space, sink, requests_per_second=10_000)
    ids = enter(space, 30)
    enter(space, profile_ids=ids, value=False)

    is_done = run_worker()

    assert is_done
    assert len(sink.message_ids) == 60
    assert outcomes(connection) == [("delivered", None, 1, 200)] * 60
    assert books(connection) == {"emitted": 60, "delivered": 60}


def test_calls_of_a_profile_keep_their_order(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    connected(space, sink, send_identify=True)
    ids = enter(space, 5)
    enter(space, profile_ids=ids, value=False)
    emitted = rows("SELECT profile_id, message_id FROM delivery ORDER BY id")

    run_worker()

    arrived = sink.message_ids
    for profile_id in ids:
        own = [message_id for owner, message_id in emitted if owner == profile_id]
        assert sorted(own, key=arrived.index) == own


def test_server_error_is_tried_again_and_counted(space: Space, sink: Sink, run_worker: RunWorker, clock: Clock) -> None:
    connection = connected(space, sink)
    sink.answer = fail_times(2)
    enter(space)

    for _ in range(3):
        run_worker()
        clock.advance(seconds=5)

    assert outcomes(connection) == [("delivered", None, 3, 200)]
    assert len(set(sink.message_ids)) == 1
    assert rows("SELECT number, status, reason FROM attempt ORDER BY number") == [(1, 503, "503"), (2, 503, "503")]
    assert books(connection) == {"emitted": 1, "delivered": 1}


def test_retrying_call_holds_back_the_next_of_its_profile(
    space: Space, sink: Sink, run_worker: RunWorker, clock: Clock
) -> None:
    connected(space, sink)
    sink.answer = fail_times(1, headers={"Retry-After": "60"})
    ids = enter(space)
    enter(space, profile_ids=ids, value=False)

    run_worker()
    first_round = [received.body["event"] for received in sink.requests]
    clock.advance(seconds=61)
    for _ in range(3):
        run_worker()
        clock.advance(seconds=61)

    assert first_round == ["Audience Entered"]
    assert [received.body["event"] for received in sink.requests] == [
        "Audience Entered",
        "Audience Entered",
        "Audience Exited",
        "Audience Exited",
    ]


def test_retry_after_is_honoured(space: Space, sink: Sink, run_worker: RunWorker, clock: Clock) -> None:
    connected(space, sink)
    sink.answer = fail_times(1, status=429, headers={"Retry-After": "120"})
    enter(space)

    run_worker()
    clock.advance(seconds=110)
    run_worker()
    before = len(sink.requests)
    clock.advance(seconds=15)
    run_worker()

    assert (before, len(sink.requests)) == (1, 2)


def test_gives_up_after_four_hours(space: Space, sink: Sink, run_worker: RunWorker, clock: Clock) -> None:
    connection = connected(space, sink)
    sink.answer = lambda _received: (503, {}, b"")
    enter(space)

    run_worker()
    clock.advance(hours=3, minutes=59, seconds=59)
    rows("UPDATE delivery SET attempts = 15, next_attempt_at = %s RETURNING 1", clock())
    run_worker()
    clock.advance(minutes=10)
    run_worker()

    [(outcome, reason, _attempts, status)] = outcomes(connection)
    assert (outcome, reason, status) == ("failed", "503", 503)
    assert "4 hours" in rows("SELECT detail FROM delivery_log")[0][0]


def test_client_error_fails_at_once(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    connection = connected(space, sink)
    sink.answer = lambda _received: (400, {}, b'{"error": "no such field"}')
    enter(space)

    run_worker()

    assert outcomes(connection) == [("failed", "400", 1, 400)]
    assert "no such field" in rows("SELECT detail FROM delivery_log")[0][0]
    assert rows("SELECT number, status FROM attempt") == [(1, 400)]
    assert len(sink.requests) == 1


def test_refused_connection_waits_for_another_try(space: Space, run_worker: RunWorker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    destination = make_destination(space=space, url=f"http://127.0.0.1:{port}/")
    connection = make_connection(space=space, destination=destination)
    enter(space)

    run_worker(seconds=0.2)

    assert books(connection) == {"emitted": 1, "waiting": 1}
    assert rows("SELECT DISTINCT reason FROM attempt") == [("ECONNREFUSED",)]


def test_private_address_fails_with_a_sentence(space: Space, run_worker: RunWorker) -> None:
    destination = make_destination(space=space, url="http://10.255.255.1/")
    connection = make_connection(space=space, destination=destination)
    enter(space)

    run_worker()

    assert outcomes(connection) == [("failed", "EREFUSED", 1, None)]
    assert "ENGAGE_ALLOWED_NETWORKS" in rows("SELECT detail FROM delivery_log")[0][0]


def test_no_matching_mapping_is_filtered(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    connection = connected(space, sink, trigger='event = "Something Else"')
    enter(space)

    run_worker()

    assert outcomes(connection) == [("filtered", "NO_MATCHING_MAPPING", 0, None)]
    assert books(connection) == {"emitted": 1, "filtered": 1}
    assert sink.requests == []


def test_broken_payload_fails_with_a_reason(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    connection = connected(space, sink)
    enter(space, 2)
    rows("UPDATE delivery SET payload = '{broken' WHERE id = (SELECT min(id) FROM delivery) RETURNING 1")

    run_worker()

    assert [outcome[:2] for outcome in outcomes(connection)] == [("failed", "INTERNAL"), ("delivered", None)]


def test_each_mapping_makes_its_call_and_only_the_failed_one_again(
    space: Space, sink: Sink, run_worker: RunWorker, clock: Clock
) -> None:
    connection = connected(space, sink)
    Mapping.objects.create(
        destination=connection.destination,
        action="send",
        name="Second",
        trigger='type = "track"',
        fields={"url": sink.url + "/second", "method": "POST", "data": {"@path": "$."}},
        is_enabled=True,
        position=1,
    )
    fail_once = fail_times(1)
    sink.answer = lambda received: fail_once(received) if received.path.endswith("second") else (200, {}, b"")
    enter(space)

    run_worker(seconds=0.2)
    clock.advance(seconds=5)
    run_worker()

    assert [received.path for received in sink.requests] == ["/in", "/in/second", "/in/second"]
    assert outcomes(connection) == [("delivered", None, 2, 200)]


def test_batching_action_gets_batches(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    connection = connected(space, sink)
    mapping = connection.destination.mappings.get()
    mapping.fields |= {"enable_batching": True, "batch_size": 40}
    mapping.save()
    enter(space, 100)

    run_worker()

    assert sorted(len(received.body) for received in sink.requests) == [20, 40, 40]
    assert books(connection) == {"emitted": 100, "delivered": 100}


def test_paused_connection_sends_nothing_until_enabled(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    connection = connected(space, sink)
    enter(space, 3)
    connections.set_enabled(connection=connection, is_enabled=False, actor=None)

    run_worker()
    held = books(connection)
    connections.set_enabled(connection=connection, is_enabled=True, actor=None)
    run_worker()

    assert held == {"emitted": 3, "waiting": 3}
    assert books(connection) == {"emitted": 3, "delivered": 3}
    assert connection.first_syncs.count() == 1


def test_call_queued_while_pausing_is_put_aside(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    connection = connected(space, sink)
    enter(space)
    Connection.objects.update(is_enabled=False)

    run_worker()

    assert rows("SELECT next_attempt_at, lease_until FROM delivery") == [(HELD, None)]
    assert books(connection) == {"emitted": 1, "waiting": 1}


def test_removed_connection_is_superseded(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    connection = connected(space, sink)
    enter(space, 2)

    connections.remove(connection=connection, actor=None)
    run_worker()

    assert sink.requests == []
    assert books(connection) == {"emitted": 2, "superseded": 2}


def test_disabled_destination_keeps_its_calls(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    connection = connected(space, sink)
    enter(space)
    connection.destination.is_enabled = False
    connection.destination.save()

    run_worker()

    assert books(connection) == {"emitted": 1, "waiting": 1}


def test_lease_that_ran_out_is_claimed_again(space: Space, sink: Sink, run_worker: RunWorker, clock: Clock) -> None:
    connection = connected(space, sink)
    enter(space)
    rows("UPDATE delivery SET lease_until = %s RETURNING 1", clock() + timedelta(seconds=20))

    run_worker()
    untouched = len(sink.requests)
    clock.advance(seconds=21)
    run_worker()

    assert untouched == 0
    assert outcomes(connection) == [("delivered", None, 1, 200)]


def test_hanging_destination_does_not_delay_others(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        hanging = make_destination(space=space, url=f"http://127.0.0.1:{silent.getsockname()[1]}/")
        make_connection(space=space, destination=hanging, computation_id="aud_hanging")
        emit_changes(
            space=space,
            computation_id="aud_hanging",
            changes=[Change(profile_id=make_profile(space=space).id, value=True) for _ in range(60)],
            now=timezone.now(),
        )
        connection = connected(space, sink)
        enter(space, 100)

        run_worker(seconds=5)

    assert books(connection) == {"emitted": 100, "delivered": 100}
    assert rows("SELECT count(*) FROM delivery WHERE destination_id = %s", hanging.pk) == [(60,)]
    assert rows("SELECT DISTINCT reason FROM attempt") == [("ETIMEDOUT",)]
    # All others were through before the first of the hanging calls was given up.
    assert rows("SELECT (SELECT max(finished_at) FROM delivery_log) < (SELECT min(at) FROM attempt)") == [(True,)]


def test_breaker_stops_calls_to_a_dead_destination(
    space: Space, sink: Sink, run_worker: RunWorker, clock: Clock
) -> None:
    connection = connected(space, sink)
    sink.answer = lambda _received: (503, {}, b"")
    enter(space, 400)

    run_worker(seconds=1)
    tried = len(sink.requests)
    sink.answer = lambda _received: (200, {}, b"")
    clock.advance(seconds=61)
    run_worker()
    clock.advance(seconds=61)
    run_worker()

    assert breaker.THRESHOLD <= tried < 150
    assert books(connection) == {"emitted": 400, "delivered": 400}
    assert rows("SELECT failures_in_a_row FROM delivery_destinationhealth") == [(0,)]


def test_secrets_do_not_reach_the_log(space: Space, sink: Sink, run_worker: RunWorker) -> None:
    connection = connected(space, sink)
    mapping = connection.destination.mappings.get()
    mapping.fields |= {"headers": {"Authorization": "Bearer abc-secret"}}
    mapping.save()
    enter(space)

    run_worker()

    assert sink.requests[0].headers["Authorization"] == "Bearer abc-secret"
    assert "abc-secret" not in rows("SELECT exchange FROM delivery_log")[0][0]
