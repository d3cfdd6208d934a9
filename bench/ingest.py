"""Events in: `python -m bench.ingest [accept] [process] [resolve] [memory]` (all but memory by default).

Needs DATABASE_URL and REDIS_URL (`python -m launcher test -- python -m bench.ingest`). Each stage runs bare and product
rounds in turn and reports the ratio; see bench/common.py for the line's form.
"""

# ruff: noqa: PLC0415 - Django is set up before its modules are imported

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from typing import Any

from bench.common import interleaved, line, note, scratch_database
from bench.ingest_inputs import Shop
from bench.worker import RealWorker, real_worker

ROUNDS = 5
AUDIENCES = 20
BATCHES_A_ROUND = 400
EVENTS_A_BATCH = 100


def make_source() -> Any:
    from spaces.models import Source, Space, Workspace

    workspace = Workspace.objects.create(name="Bench", slug="bench")
    space = Space.objects.create(workspace=workspace, name="Bench", slug="bench")
    return Source.objects.create(space=space, name="bench")


def fill(source: Any, bodies: list[bytes]) -> None:
    from ingest.bodies import pack
    from ingest.inbox import InboxRow, connect, insert

    rows = [
        InboxRow(source.space_id, source.pk, datetime.now(UTC), "batch", *pack(body, None), None, "") for body in bodies
    ]
    with connect() as connection:
        insert(connection, rows)


def drain() -> int:
    from ingest.pipeline import process_next

    done = 0
    while count := process_next():
        done += count
    return done


def make_audiences(space: Any, count: int) -> None:
    """Live audiences over events with windows and properties, traits, and both."""
    from audiences.models import Audience

    names = ("Product Viewed", "Product Added", "Order Completed", "Cart Viewed")
    for number in range(count):
        event: dict[str, Any] = {"event": names[number % 4], "count": {"gte": 1 + number % 3}}
        if number % 2:
            event["window"] = {"within": {"days": 30 + number}}
        if number % 3 == 0:
            event["properties"] = [{"property": "revenue", "greater_than": 20 + number}]
        where: Any = event if number % 5 else {"all": [event, {"trait": "plan", "equals": "pro"}]}
        Audience.objects.create(
            space=space,
            key=f"bench_{number}",
            name=f"Bench {number}",
            definition={"version": 1, "collection": "users", "where": where},
            status="Live",
        )


def evaluate_everybody(space: Any) -> None:
    """What a backfill does: members are known before events arrive."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO changed_profiles (space_id, profile_ids, max_received_at) "
            "SELECT space_id, array_agg(id), now() "
            "FROM profile WHERE space_id = %s GROUP BY space_id, id / 1000",
            [space.pk],
        )


def measure_process(worker: RealWorker, *, with_audiences: bool) -> None:
    """Inbound log to stored and resolved events (and evaluated audiences), against COPY of the same rows.

    The product is one Celery worker as `make run` starts it.
    """
    from django.db import connection

    from spaces.models import Source

    source = Source.objects.get(name="bench")
    if with_audiences:
        make_audiences(source.space, AUDIENCES)
        evaluate_everybody(source.space)
    shop = Shop(seed=11 if with_audiences else 7)
    fill(source, [shop.batch() for _ in range(BATCHES_A_ROUND)])
    worker.drain()
    stored: list[tuple[Any, ...]] = []

    def product() -> float:
        fill(source, [shop.batch() for _ in range(BATCHES_A_ROUND)])
        with connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(max(id), 0) FROM event")
            before = cursor.fetchone()[0]
        started = time.perf_counter()
        worker.drain()
        took = time.perf_counter() - started
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT space_id + 1000, profile_id, type, name, ts, received_at, source_id, message_id, user_id, "
                "anonymous_id, properties::text, context FROM event WHERE space_id = %s AND id > %s",
                [source.space_id, before],
            )
            stored[:] = cursor.fetchall()
        return BATCHES_A_ROUND * EVENTS_A_BATCH / took

    def bare() -> float:
        started = time.perf_counter()
        for start in range(0, len(stored), 3_000):
            with (
                connection.cursor() as cursor,
                cursor.copy(
                    "COPY event (space_id, profile_id, type, name, ts, received_at, source_id, message_id, user_id, "
                    "anonymous_id, properties, context) FROM STDIN"
                ) as copy,
            ):
                for row in stored[start : start + 3_000]:
                    copy.write_row(row)
        return len(stored) / (time.perf_counter() - started)

    product()
    value, limit, ratio = interleaved(ROUNDS, bare, product)
    name = "ingest_process" if with_audiences else "ingest_process_without_audiences"
    line(name, value, "events/s", limit=limit, ratio=ratio, audiences=AUDIENCES if with_audiences else 0)


def measure_resolve() -> None:
    """Identifiers taken from calls and resolved to profiles, against one look-up of the same identifiers."""
    from django.db import connection

    from common import tasks
    from ingest.inbound import claim
    from ingest.resolving import extract_all, resolve
    from spaces.models import Source

    tasks.wake = lambda task, **kwargs: None  # type: ignore[assignment]
    source = Source.objects.get(name="bench")
    shop = Shop(seed=22)
    fill(source, [shop.batch() for _ in range(200)])
    drain()
    shop = Shop(seed=23)
    fill(source, [shop.batch() for _ in range(100)])
    from django.db import transaction

    with transaction.atomic():
        _, by_space = claim(10_000)
    messages = by_space[source.space_id]
    blocks = [messages[start : start + 1_000] for start in range(0, len(messages), 1_000)]
    texts = [
        [
            part
            for message in block
            for part in (
                [("user_id", message.call.user_id)]
                + ([("anonymous_id", message.call.anonymous_id)] if message.call.anonymous_id else [])
            )
        ]
        for block in blocks
    ]

    def bare() -> float:
        import msgspec

        started = time.perf_counter()
        for pairs in texts:
            rows = msgspec.json.encode([{"i": i, "t": t, "v": v} for i, (t, v) in enumerate(pairs)]).decode()
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT i.i, e.profile_id FROM json_to_recordset(%s) AS i(i int, t text, v text) LEFT JOIN "
                    "external_id e ON e.space_id = %s AND e.collection = 0 AND e.id_type = i.t AND e.value = i.v",
                    [rows, source.space_id],
                )
                dict(cursor.fetchall())
        return len(messages) / (time.perf_counter() - started)

    def product() -> float:
        started = time.perf_counter()
        for block in blocks:
            rules, found = extract_all(source.space_id, block)
            resolve(source.space_id, rules, found, [message.received_at for message in block])
        return len(messages) / (time.perf_counter() - started)

    bare(), product()
    value, limit, ratio = interleaved(ROUNDS, bare, product)
    line("resolve_identities", value, "events/s", limit=limit, ratio=ratio)
    drain()


def measure_memory(worker: RealWorker, events: int = 1_000_000) -> None:
    """Resident memory of every process of a worker over a million events: after a warm-up, at most, at the end."""
    import psutil

    from spaces.models import Source

    source = Source.objects.get(name="bench")
    shop = Shop(seed=31)
    readings: dict[int, list[float]] = {}
    started = time.perf_counter()
    for _ in range(events // 20_000):
        fill(source, [shop.batch() for _ in range(200)])
        worker.drain()
        tree = psutil.Process(worker.pid)
        for process in (tree, *tree.children(recursive=True)):
            readings.setdefault(process.pid, []).append(process.memory_info().rss / 1e6)
    note(f"  {events:,} events in {time.perf_counter() - started:.0f} s")
    for number, values in enumerate(readings.values()):
        start, peak, end = values[min(4, len(values) - 1)], max(values), values[-1]
        line("ingest_memory", end, "MB", process=number, start=round(start, 1), peak=round(peak, 1), events=events)


def main(stages: list[str]) -> None:
    wanted = set(stages) or {"accept", "process", "resolve"}
    with scratch_database(f"bench_ingest_{os.getpid()}") as url:
        make_source()
        if "process" in wanted:
            with real_worker(url) as worker:
                measure_process(worker, with_audiences=False)
                measure_process(worker, with_audiences=True)
        if "resolve" in wanted:
            measure_resolve()
        if "memory" in wanted:
            with real_worker(url) as worker:
                measure_memory(worker)
        if "accept" in wanted:
            from bench.ingest_accept import measure_accept

            measure_accept(url)


if __name__ == "__main__":
    main([argument.removeprefix("--") for argument in sys.argv[1:]])
