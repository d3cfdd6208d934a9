"""Isolation: `python -m bench.isolation`, one JSON line. Destination A hangs until time-out on every call.

The p95 of the time from emission to the answer at B and C is measured without and with A, in turns and each first in
turn, over the deliveries of all rounds; with A it may be at most a tenth longer.
"""

# ruff: noqa: PLC0415 - Django is set up before its modules are imported

from __future__ import annotations

import os
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from bench.common import line, note, scratch_database
from bench.deliver import make_connection, make_people, sink
from bench.worker import real_worker

ROUNDS = 6
# Longer than a run of the worker (20 s), so that the hand-over from one to the next is part of it.
BLOCKS = 250
BLOCK = 5
PAUSE_SECONDS = 0.1
LIMIT = 1.10


@contextmanager
def black_hole() -> Iterator[str]:
    """Takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(500)
        taken: list[socket.socket] = []
        is_over = threading.Event()

        def accept() -> None:
            while not is_over.is_set():
                try:
                    taken.append(listener.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/in"
        is_over.set()


def another(connection: Any, name: str, url: str) -> Any:
    """A destination and connection like the first one, of a computation of its own."""
    from delivery.models import Connection
    from destinations.models import Destination, Mapping

    destination = Destination.objects.create(
        space=connection.space, connector="webhook", name=name, settings={"url": url}, requests_per_second=100_000
    )
    old = Mapping.objects.get(destination=connection.destination)
    Mapping.objects.create(
        destination=destination,
        action=old.action,
        name="Send",
        trigger=old.trigger,
        fields=old.fields,
        is_enabled=True,
    )
    return Connection.objects.create(
        space=connection.space,
        destination=destination,
        computation_id=f"aud_{name}",
        computation_key=name,
        computation_name=name,
        send_identify=False,
    )


def emit(connection: Any, people: range) -> None:
    from django.db import transaction

    from delivery.services.emit import Change, emit_changes

    with transaction.atomic():
        emit_changes(
            space=connection.space,
            computation_id=connection.computation_id,
            changes=[Change(profile_id=number, value=True) for number in people],
            now=datetime.now(UTC),
        )


def round_of(hanging: Any, served: list[Any], *, with_hanging: bool) -> list[float]:
    """Milliseconds from emission to the answer, of every delivery to B and C under a steady trickle."""
    from django.db import connection as database

    with database.cursor() as cursor:
        cursor.execute("TRUNCATE delivery, delivery_log, sent_value, attempt")
        cursor.execute("DELETE FROM delivery_destinationhealth")
    for number in range(BLOCKS):
        people = range(1 + number * BLOCK, 1 + (number + 1) * BLOCK)
        for connection in [*([hanging] if with_hanging else []), *served]:
            emit(connection, people)
        time.sleep(PAUSE_SECONDS)
    wanted = BLOCKS * BLOCK * len(served)
    ids = [connection.pk for connection in served]
    with database.cursor() as cursor:
        while True:
            cursor.execute(
                "SELECT extract(epoch FROM finished_at - created_at)::float8 * 1000 FROM delivery_log "
                "WHERE connection_id = ANY(%s) AND outcome = 'delivered'",
                [ids],
            )
            taken = [row[0] for row in cursor.fetchall()]
            if len(taken) >= wanted:
                return taken
            time.sleep(0.2)


def p95(taken: list[float]) -> float:
    return statistics.quantiles(taken, n=20)[-1]


def main() -> None:
    with (
        scratch_database("bench_isolation") as database_url,
        sink() as url,
        black_hole() as nowhere,
        real_worker(database_url),
    ):
        first = make_connection(url)
        make_people(first.space_id, BLOCKS * BLOCK)
        served = [another(first, "b", url), another(first, "c", url)]
        hanging = another(first, "a", nowhere)
        round_of(hanging, served, with_hanging=False)
        taken: dict[bool, list[float]] = {False: [], True: []}
        for number in range(ROUNDS):
            last = {}
            for with_hanging in (False, True) if number % 2 == 0 else (True, False):
                found = round_of(hanging, served, with_hanging=with_hanging)
                taken[with_hanging] += found
                last[with_hanging] = p95(found)
            note(f"  round {number + 1}: {last[False]:.0f} ms without A, {last[True]:.0f} ms with A")
        without, within = p95(taken[False]), p95(taken[True])
        line("isolation", within, "ms p95", limit=without * LIMIT, ratio=within / without, gate=LIMIT)


if __name__ == "__main__":
    os.environ.setdefault("ENGAGE_ALLOWED_NETWORKS", "127.0.0.0/8")
    main()
