from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

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
