"""Calls out: `python -m bench.deliver [deliver] [emit]` (both by default), one JSON line each.

`deliver`: one worker through outbox, mapping, rate cap and bookkeeping, held against a bare loop over libcurl (F: at
least 0.4 of it). `emit`: membership changes to queued calls, held against COPY of the same rows into the same table.
"""

# ruff: noqa: PLC0415 - Django is set up before its modules are imported

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from bench.common import interleaved, line, note, scratch_database
from bench.worker import real_worker

ROUNDS = 5
CALLS = 10_000
PEOPLE = 20_000


@contextmanager
def sink(answer: str = "ok") -> Iterator[str]:
    """A receiver in a process of its own that answers 200 with this body."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.sink", answer], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/in"
        process.communicate("")


def make_connection(url: str) -> Any:
    """An audience's connection to Webhook (Actions): one mapping, and a cap that it does not reach."""
    from delivery.models import Connection
    from destinations.models import Destination, Mapping
    from spaces.models import Space, Workspace

    workspace = Workspace.objects.create(name="Bench", slug="bench")
    space = Space.objects.create(workspace=workspace, name="Bench", slug="bench")
    destination = Destination.objects.create(
        space=space, connector="webhook", name="Sink", settings={"url": url}, requests_per_second=100_000
    )
    Mapping.objects.create(
        destination=destination,
        action="send",
        name="Send",
        trigger='type = "track" and context.personas.computation_class = "audience"',
        fields={"method": "POST", "data": {"@path": "$."}},
        is_enabled=True,
    )
    return Connection.objects.create(
        space=space,
        destination=destination,
        computation_id="aud_bench",
        computation_key="bench",
        computation_name="Bench",
        send_identify=False,
    )


def make_people(space_id: int, count: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO external_id (space_id, collection, id_type, value, original, profile_id, created_at) "
            "SELECT %s, 0, 'user_id', 'user-' || n, 'user-' || n, n, now() FROM generate_series(1, %s) n",
            [space_id, count],
        )
        cursor.execute("ANALYZE external_id")


def emit(connection: Any, count: int) -> float:
    """Queue one call for each of `count` people; returns the seconds it took."""
    from django.db import connection as database
    from django.db import transaction

    from delivery.services.emit import Change, emit_changes

    with database.cursor() as cursor:
        cursor.execute("TRUNCATE delivery, sent_value, delivery_log, attempt")
    changes = [Change(profile_id=number, value=True) for number in range(1, count + 1)]
    started = time.perf_counter()
    for start in range(0, count, 2_000):
        with transaction.atomic():
            emit_changes(
                space=connection.space,
                computation_id="aud_bench",
                changes=changes[start : start + 2_000],
                now=datetime.now(UTC),
            )
    return time.perf_counter() - started


def payloads() -> list[str]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT payload FROM delivery ORDER BY id")
        return [row[0] for row in cursor.fetchall()]


def measure_deliver(connection: Any, url: str, database_url: str) -> None:
    import psycopg
    from django.db import connection as database

    from bench import bare_deliver
    from common.http import CurlPool
    from delivery.services.worker import POOL_CONCURRENCY, Worker

    emit(connection, CALLS)
    bodies = payloads()

    def bare() -> float:
        with psycopg.connect(database_url, autocommit=True) as own:
            bare_deliver.fill(own, bodies)
            done, seconds = bare_deliver.run(own, url)
        return done / seconds

    def product() -> float:
        emit(connection, CALLS)
        with database.cursor() as cursor:
            cursor.execute("ANALYZE delivery")
        with CurlPool(concurrency=POOL_CONCURRENCY, allowed_networks=["127.0.0.0/8"]) as pool:
            started = time.perf_counter()
            Worker(pool=pool).run(seconds=120)
            seconds = time.perf_counter() - started
        with database.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM delivery_log WHERE outcome = 'delivered'")
            done = cursor.fetchone()[0]
        assert done == CALLS, f"{done} of {CALLS} calls were delivered"
        return done / seconds

    bare()
    value, limit, ratio = interleaved(ROUNDS, bare, product)
    line("deliver_one_process", value, "calls/s", limit=limit, ratio=ratio)


def measure_deliver_by_worker(connection: Any, url: str, database_url: str) -> None:
    """The same with one Celery worker as `make run` starts it, in place of one process."""
    import psycopg
    from django.db import connection as database

    from bench import bare_deliver

    emit(connection, CALLS)
    bodies = payloads()

    def bare() -> float:
        with psycopg.connect(database_url, autocommit=True) as own:
            bare_deliver.fill(own, bodies)
            done, seconds = bare_deliver.run(own, url)
        return done / seconds

    def product() -> float:
        emit(connection, CALLS)
        with database.cursor() as cursor:
            cursor.execute("ANALYZE delivery")
        started = time.perf_counter()
        worker.deliver()
        seconds = time.perf_counter() - started
        with database.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM delivery_log WHERE outcome = 'delivered'")
            done = cursor.fetchone()[0]
        assert done == CALLS, f"{done} of {CALLS} calls were delivered"
        return CALLS / seconds

    with real_worker(database_url) as worker:
        product()
        bare()
        value, limit, ratio = interleaved(ROUNDS, bare, product)
    line("deliver", value, "calls/s", limit=limit, ratio=ratio)


def measure_emit(connection: Any) -> None:
    from django.db import connection as database

    from delivery.services.copying import copy_rows

    emit(connection, PEOPLE)
    with database.cursor() as cursor:
        cursor.execute("SELECT profile_id, message_id, payload FROM delivery ORDER BY id")
        rows = cursor.fetchall()
    time_text = datetime.now(UTC).isoformat()
    columns = (
        "space_id, destination_id, connection_id, profile_id, message_id, kind, payload, created_at, next_attempt_at"
    )
    lines = [
        f"{connection.space_id}\t{connection.destination_id}\t{connection.pk}\t{profile_id}\t{message_id}\ttrack\t{payload}"
        f"\t{time_text}\t{time_text}"
        for profile_id, message_id, payload in rows
    ]

    def bare() -> float:
        with database.cursor() as cursor:
            cursor.execute("TRUNCATE delivery")
        started = time.perf_counter()
        for start in range(0, len(lines), 2_000):
            copy_rows("delivery", columns, lines[start : start + 2_000])
        return len(lines) / (time.perf_counter() - started)

    value, limit, ratio = interleaved(ROUNDS, bare, lambda: PEOPLE / emit(connection, PEOPLE))
    line("emit", value, "changes/s", limit=limit, ratio=ratio)


def main(stages: list[str]) -> None:
    with scratch_database("bench_deliver") as database_url, sink() as url:
        connection = make_connection(url)
        make_people(connection.space_id, PEOPLE)
        if "deliver" in stages:
            note("deliver")
            measure_deliver(connection, url, database_url)
            measure_deliver_by_worker(connection, url, database_url)
        if "emit" in stages:
            note("emit")
            measure_emit(connection)


if __name__ == "__main__":
    os.environ.setdefault("ENGAGE_ALLOWED_NETWORKS", "127.0.0.0/8")
    main(sys.argv[1:] or ["deliver", "emit"])
