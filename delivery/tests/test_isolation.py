from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from common.bell import bell_of
from common.http import CurlPool
from delivery.selectors.books import Books, books_of
from delivery.services import worker
from delivery.services.emit import Change, emit_changes
from delivery.services.worker import Worker
from delivery.tasks import deliver
from delivery.tests.builders import make_connection, make_destination, rows
from delivery.tests.sinks import Received, Sink, serving
from spaces.models import Space
from tests.factories import make_profile

RunWorker = Callable[..., bool]


@pytest.fixture
def well() -> Iterator[Sink]:
    with serving() as opened:
        yield opened


def enter(space: Space, computation_id: str, count: int) -> None:
    emit_changes(
        space=space,
        computation_id=computation_id,
        changes=[Change(profile_id=make_profile(space=space).id, value=True) for _ in range(count)],
        now=timezone.now(),
    )


def test_a_destination_that_hangs_on_every_call_keeps_no_other_waiting(
    space: Space, sink: Sink, well: Sink, run_worker: RunWorker
) -> None:
    """A answers only once B and C have everything: they cannot be waiting for it."""
    everything = threading.Event()
    hangs = make_connection(
        space=space, destination=make_destination(space=space, url=sink.url), computation_id="aud_a"
    )
    served = [
        make_connection(space=space, destination=make_destination(space=space, url=well.url), computation_id=name)
        for name in ("aud_b", "aud_c")
    ]
    in_time: list[bool] = []

    def hang(_received: Received) -> tuple[int, dict[str, str], bytes]:
        in_time.append(everything.wait(60))
        return 503, {}, b""

    def take(_received: Received) -> tuple[int, dict[str, str], bytes]:
        if len(well.requests) == 400:
            everything.set()
        return 200, {}, b""

    sink.answer, well.answer = hang, take
    enter(space, "aud_a", 100)
    enter(space, "aud_b", 200)
    enter(space, "aud_c", 200)

    run_worker(60)

    assert in_time
    assert all(in_time)
    assert [books_of([one])[one.pk] for one in served] == [Books(emitted=200, delivered=200)] * 2
    assert books_of([hangs])[hangs.pk] == Books(emitted=100, waiting=100)


@pytest.mark.django_db(transaction=True)
def test_calls_emitted_while_a_destination_hangs_are_sent_and_written_at_once(
    space: Space, sink: Sink, well: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run neither looks by itself nor waits for company here: the bell and the end of B's calls have to do."""
    monkeypatch.setattr(worker, "LOOK_SECONDS", 3600.0)
    monkeypatch.setattr(worker, "FLUSH_SECONDS", 3600.0)
    for url, name in ((sink.url, "aud_a"), (well.url, "aud_b")):
        make_connection(space=space, destination=make_destination(space=space, url=url), computation_id=name)
    written: list[int] = []

    def delivered(count: int) -> int:
        for _ in range(300):
            if rows("SELECT count(*) FROM delivery_log WHERE outcome = 'delivered'") == [(count,)]:
                return count
            threading.Event().wait(0.1)
        return -1

    def hang(_received: Received) -> tuple[int, dict[str, str], bytes]:
        for count in (5, 10):
            enter(space, "aud_b", 5)
            written.append(delivered(count))
        connection.close()
        return 503, {}, b""

    sink.answer = hang
    enter(space, "aud_a", 1)

    with CurlPool(concurrency=100) as pool:
        Worker(pool=pool, bell=bell_of(deliver)).run(seconds=90)

    assert written == [5, 10]


def hanging_until(sink: Sink, act: Callable[[], None]) -> Callable[[Received], tuple[int, dict[str, str], bytes]]:
    """Nothing is answered until `act`, which the fourth call starts, is over."""
    is_over = threading.Event()

    def hang(received: Received) -> tuple[int, dict[str, str], bytes]:
        if sink.requests[3:4] == [received]:
            act()
            connection.close()
            is_over.set()
        is_over.wait(30)
        return 200, {}, b""

    return hang


@pytest.fixture
def four_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "LANE_CONCURRENCY", 4)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("four_at_a_time")
def test_a_destination_that_answers_nothing_is_given_no_more(space: Space, sink: Sink) -> None:
    """What it has not been sent yet is enough; more would be claimed for nothing, in the time of the others."""
    make_connection(space=space, destination=make_destination(space=space, url=sink.url), computation_id="aud_a")
    claimed: list[int] = []

    def emit_more() -> None:
        enter(space, "aud_a", 5)
        # The bell rings and a look is due meanwhile.
        threading.Event().wait(2 * worker.LOOK_SECONDS)
        claimed.append(rows("SELECT count(*) FROM delivery WHERE lease_until IS NOT NULL")[0][0])

    sink.answer = hanging_until(sink, emit_more)
    enter(space, "aud_a", 10)

    with CurlPool(concurrency=100) as pool:
        Worker(pool=pool, bell=bell_of(deliver)).run(seconds=60)

    assert claimed == [10]
    assert rows("SELECT count(*) FROM delivery_log WHERE outcome = 'delivered'") == [(15,)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("four_at_a_time")
def test_new_calls_for_a_destination_that_answers_nothing_are_no_reason_to_look(
    space: Space, sink: Sink, well: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "LOOK_SECONDS", 3600.0)
    look, looked, counts = worker.outbox.due_destinations, [], []

    def counted(**asked: Any) -> list[int]:
        looked.append(asked)
        return look(**asked)

    monkeypatch.setattr(worker.outbox, "due_destinations", counted)
    for url, name in ((sink.url, "aud_a"), (well.url, "aud_b")):
        make_connection(space=space, destination=make_destination(space=space, url=url), computation_id=name)

    def emit_to_both() -> None:
        for name in ("aud_a", "aud_b"):
            counts.append(len(looked))
            enter(space, name, 5)
            threading.Event().wait(1)
            counts.append(len(looked))

    sink.answer = hanging_until(sink, emit_to_both)
    enter(space, "aud_a", 10)

    with CurlPool(concurrency=100) as pool:
        Worker(pool=pool, bell=bell_of(deliver)).run(seconds=60)

    before_a, after_a, before_b, after_b = counts
    assert before_a == after_a
    assert before_b < after_b
    assert rows("SELECT count(*) FROM delivery_log WHERE outcome = 'delivered'") == [(20,)]
