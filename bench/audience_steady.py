"""From event to membership under a steady load, with a real worker: 2,000 events a second, 200 live audiences."""

# ruff: noqa: PLC0415 - Django is set up before its modules are imported

from __future__ import annotations

import os
import statistics
import time
from typing import Any

from bench.common import line, note

EVENTS_A_SECOND = int(os.environ.get("ENGAGE_BENCH_RATE", "2000"))
SECONDS = int(os.environ.get("ENGAGE_BENCH_SECONDS", "30"))
EVENTS_A_BATCH = 100
PROBE = "Bench Probe"
# The period of both tasks in the beat table.
SWEEP_SECONDS = 2.0


def measure_steady(space: Any, url: str) -> None:
    """Twice a second somebody does what one audience waits for; how long until the membership is stored.

    The instant of acceptance is that of the row in the inbound log, the other one is `membership.changed_at`'s commit
    as another connection sees it, looked for every 20 ms.
    """
    from bench.audiences import AUDIENCES, make_audience, make_live
    from bench.ingest import fill
    from bench.ingest_inputs import Shop
    from bench.worker import real_worker
    from spaces.models import Source

    source = Source.objects.create(space=space, name="steady")
    made = [*make_live(space, AUDIENCES - 1), make_audience(space, "probe", {"event": PROBE})]
    shop = Shop(seed=41)
    took: list[float] = []
    sent_late = 0.0
    with real_worker(url) as worker:
        fill(source, [shop.batch() for _ in range(20)])
        worker.drain()
        started = time.perf_counter()
        waiting: dict[str, float] = {}
        batches = 0
        swept = 0.0
        while (elapsed := time.perf_counter() - started) < SECONDS or waiting:
            if elapsed > SECONDS + 60:
                raise SystemExit(f"steady: {len(waiting)} probes never arrived")
            due = min(elapsed, SECONDS) * EVENTS_A_SECOND / EVENTS_A_BATCH
            if batches < due:
                fill(source, [shop.batch()])
                batches += 1
                if elapsed < SECONDS:
                    sent_late = max(sent_late, elapsed - (batches - 1) * EVENTS_A_BATCH / EVENTS_A_SECOND)
                if batches % max(1, EVENTS_A_SECOND // EVENTS_A_BATCH // 2) == 0:
                    name = f"probe-{batches}"
                    _send_probe(source, name)
                    waiting[name] = time.perf_counter()
                _wake(batches)
            if elapsed > swept + SWEEP_SECONDS:
                swept = elapsed
                _sweep()
            for name in _arrived(space, made[-1]):
                if name in waiting:
                    took.append(time.perf_counter() - waiting.pop(name))
            time.sleep(0.02 if batches >= due else 0)
    p50, p95 = statistics.median(took), statistics.quantiles(took, n=20)[-1]
    note(f"  steady: {len(took)} probes, p50 {p50:.2f} s, p95 {p95:.2f} s, load {sent_late:.2f} s late at most")
    line(
        "audience_latency", p95, "s", limit=5, ratio=5 / p95, p50=round(p50, 3), probes=len(took),
        events_per_second=EVENTS_A_SECOND, audiences=AUDIENCES, load_late_s=round(sent_late, 2),
    )  # fmt: skip
    for audience in made:
        audience.delete()


def _wake(batches: int) -> None:
    """As the tracking endpoint does after a request."""
    from ingest.tasks import process_inbound

    if batches % 4 == 0:
        process_inbound.apply_async(ignore_result=True)


def _sweep() -> None:
    """As beat does: a wake-up that came while a run was ending costs one period."""
    from audiences.tasks import compute
    from ingest.tasks import process_inbound

    for task in (process_inbound, compute):
        task.apply_async(ignore_result=True)


def _send_probe(source: Any, name: str) -> None:
    import json

    from bench.ingest import fill

    call = {"type": "track", "event": PROBE, "userId": name, "messageId": name, "properties": {}}
    fill(source, [json.dumps({"batch": [call]}).encode()])


def _arrived(space: Any, audience: Any) -> list[str]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT x.value FROM membership m JOIN external_id x ON x.profile_id = m.profile_id "
            "AND x.space_id = m.space_id WHERE m.space_id = %s AND m.audience_id = %s AND m.is_member",
            [space.pk, audience.pk],
        )
        return [row[0] for row in cursor.fetchall()]
