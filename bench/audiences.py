"""Audiences: `python -m bench.audiences [backfill] [incremental] [preview] [steady] [size]` (all by default).

PROFILES and EVENTS are small by default, for a quick look; ENGAGE_BENCH_AUDIENCES=full is 1,000,000 and 10,000,000.
Each stage runs the bare SQL and the product in turn; see bench/common.py for the line's form.

Seconds of whole computations and of touched profiles are CPU seconds (`busy`), previews are wall time.
`audience_backfill`: one line a definition, a whole first computation with stored memberships; the limit is
the hand-written INSERT … SELECT of the same rows into a table like `membership` (at most 1.5 of its time: ratio is
limit / product, at least 0.67). `audience_incremental`: verdicts a second for 1,000 touched profiles and 200 live
audiences, against one hand-written pass (at least 0.4). `preview`: the slowest of ten. `audience_size`: the cost at ten
times the profiles (backfill at most 12 times, incremental at most 1.5 times).
"""

# ruff: noqa: PLC0415 - Django is set up before its modules are imported

from __future__ import annotations

import os
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.audience_data import NAMES, fill, make_space
from bench.audience_definitions import CASES, Case
from bench.common import line, note, scratch_database

IS_FULL = os.environ.get("ENGAGE_BENCH_AUDIENCES") == "full"
PROFILES, EVENTS = (1_000_000, 10_000_000) if IS_FULL else (50_000, 500_000)
ROUNDS = 3
TOUCHED, AUDIENCES = 1_000, 200


def busy() -> float:
    """Seconds that this process and its server process have computed: what else runs here changes it least."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return _computed(cursor.fetchone()[0]) + time.process_time()


def _computed(pid: int) -> float:
    """CPU seconds of a process; Linux tells them in nanoseconds here, and in hundredths where psutil reads them."""
    import psutil

    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9
    except FileNotFoundError:
        taken = psutil.Process(pid).cpu_times()
        return float(taken.user + taken.system)


def make_audience(space: Any, name: str, where: dict[str, Any], status: str = "Live") -> Any:
    from audiences.models import Audience

    definition = {"version": 1, "collection": "users", "where": where}
    return Audience.objects.create(space=space, key=name, name=name, definition=definition, status=status)


def measure_backfill(space: Any) -> None:
    """First computation of each definition, by the service that the worker calls."""
    for case in CASES:
        audience = make_audience(space, case.name, case.where)
        bares, products = [], []
        for _ in range(ROUNDS):
            bares.append(_by_hand(space, audience, case))
            products.append(_product(space, audience))
            _assert_equal(audience, case)
        ratios = [bare / own for bare, own in zip(bares, products, strict=True)]
        own, bare = statistics.median(products), statistics.median(bares)
        note(f"  {case.name}: bare {bare:.2f} s, product {own:.2f} s")
        line(
            "audience_backfill", own, "s", limit=bare, ratio=statistics.median(ratios),
            definition=case.name, members=_size(audience), profiles=PROFILES, events=EVENTS,
        )  # fmt: skip
        _forget(audience)
        audience.delete()


def _by_hand(space: Any, audience: Any, case: Case) -> float:
    from django.db import connection, transaction

    now = datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bare_membership")
        cursor.execute("CREATE TABLE bare_membership (LIKE membership INCLUDING ALL)")
        started = busy()
        with transaction.atomic():
            cursor.execute(
                "INSERT INTO bare_membership (space_id, audience_id, profile_id, is_member, changed_at, recheck_at) "
                f"SELECT %(space)s, %(audience)s, v.profile_id, v.is_member, %(now)s, v.recheck_at FROM ({case.by_hand}"
                ") AS v (profile_id, is_member, recheck_at)",
                {"space": space.pk, "audience": audience.pk, "now": now},
            )
        return busy() - started


def _product(space: Any, audience: Any) -> float:
    from audiences.models import ComputeRun
    from audiences.services.backfill import claim_run, work

    _forget(audience)
    ComputeRun.objects.create(space=space, audience=audience, revision=audience.revision)
    started = busy()
    while run := claim_run():
        work(run)
    return busy() - started


def _forget(audience: Any) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE membership, membership_count")
        cursor.execute("UPDATE audiences_audience SET size = 0 WHERE id = %s", [audience.pk])


def _size(audience: Any) -> int:
    audience.refresh_from_db()
    return int(audience.size)


def _assert_equal(audience: Any, case: Case) -> None:
    """The same members and the same number of rows; a verdict may change between the two instants."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM membership), (SELECT count(*) FROM bare_membership), "
            "(SELECT count(*) FROM membership m JOIN bare_membership b USING (audience_id, profile_id, is_member)), "
            "(SELECT count(*) FROM membership WHERE is_member)"
        )
        own, bare, same, members = cursor.fetchone()
    if members != _size(audience) or abs(own - bare) > own // 500 or own - same > own // 500:
        raise SystemExit(f"{case.name}: {own} rows, by hand {bare}, alike {same}, size {_size(audience)}")


def make_live(space: Any, count: int) -> list[Any]:
    """Live audiences: counts of ten kinds of events, with windows, properties and traits."""
    made = []
    for number in range(count):
        where: dict[str, Any] = {"event": NAMES[number % 10], "count": {"gte": 1 + number % 3}}
        if number % 2:
            where["window"] = {"within": {"days": 1 + number % 60}}
        if number % 5 == 0:
            where["properties"] = [{"property": "revenue", "greater_than": number % 100}]
        if number % 7 == 0:
            where = {"all": [where, {"trait": "plan", "equals": "pro"}]}
        made.append(make_audience(space, f"live_{number}", where))
    return made


def touch(space: Any, ids: list[int]) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO changed_profiles (space_id, profile_ids, events, traits, max_received_at) "
            "VALUES (%s, %s, %s, '{}', now())",
            [space.pk, ids, [f"track:{name}" for name in NAMES]],
        )


def one_pass(space: Any, ids: list[int], count: int) -> float:
    """By hand: every count of every audience in one pass over the events of the touched profiles, verdicts fetched."""
    from django.db import connection

    columns = []
    for number in range(count):
        tests = [f"e.name = '{NAMES[number % 10]}'"]
        if number % 2:
            tests.append(f"e.ts > now() - interval '{1 + number % 60} days'")
        if number % 5 == 0:
            tests.append(f"e.properties -> 'revenue' > '{number % 100}'")
        columns.append(f"count(*) FILTER (WHERE {' AND '.join(tests)}) >= {1 + number % 3}")
    sql = (
        f"SELECT e.profile_id, {', '.join(columns)} FROM unnest(%s::bigint[]) AS p(id) CROSS JOIN LATERAL ("
        "SELECT e.* FROM event e WHERE e.space_id = %s AND e.profile_id = p.id AND e.type = 0 AND e.ts <= now() "
        "OFFSET 0) e GROUP BY e.profile_id"
    )
    started = busy()
    with connection.cursor() as cursor:
        cursor.execute(sql, [ids, space.pk])
        cursor.fetchall()
    return busy() - started


def measure_incremental(space: Any, *, first_id: int = 1, profiles: int = PROFILES, reports: bool = True) -> float:
    """Evaluate, compare and store 1,000 touched profiles for 200 live audiences; a tenth of them changes."""
    from django.db import connection

    from audiences.services.compute import compute_block

    step = max(1, profiles // TOUCHED)
    ids = [first_id + number * step for number in range(min(TOUCHED, profiles))]
    made = make_live(space, AUDIENCES)
    touch(space, ids)
    compute_block(space=space)
    bares, products = [], []
    for number in range(len(NAMES)):
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO event (space_id, profile_id, type, name, ts, received_at, source_id, message_id, "
                "properties) SELECT %s, id, 0, %s, now(), now(), 1, 'm', '{\"revenue\": 70}' "
                "FROM unnest(%s::bigint[]) AS i(id)",
                [space.pk, NAMES[number], ids[::10]],
            )
        bares.append(one_pass(space, ids, AUDIENCES))
        touch(space, ids)
        started = busy()
        compute_block(space=space)
        products.append(busy() - started)
        note(f"  incremental: bare {bares[-1]:.3f} s, product {products[-1]:.3f} s")
    own, bare = statistics.median(products), statistics.median(bares)
    ratio = statistics.median([bare / own for bare, own in zip(bares, products, strict=True)])
    if reports:
        verdicts = len(ids) * AUDIENCES
        line(
            "audience_incremental", verdicts / own, "verdicts/s", limit=verdicts / bare, ratio=ratio,
            seconds=round(own, 3), touched=len(ids), audiences=AUDIENCES, profiles=profiles,
        )  # fmt: skip
    for audience in made:
        audience.delete()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE membership, membership_count")
    return own


def measure_preview(space: Any) -> None:
    """The builder's preview: size, samples, size of each part, identifiers; the slowest of the ten definitions."""
    from audiences.selectors.preview import preview_report

    took = []
    for case in CASES:
        definition = {"version": 1, "collection": "users", "where": case.where}
        for _ in range(ROUNDS):
            started = time.perf_counter()
            preview_report(space=space, definition=definition, include_anonymous=False)
            took.append(time.perf_counter() - started)
        note(f"  preview {case.name}: {statistics.median(took[-ROUNDS:]):.2f} s")
    value = statistics.quantiles(took, n=20)[-1]
    line("preview", value, "s", limit=2.0, ratio=2.0 / value, profiles=PROFILES, events=EVENTS)


def measure_size(space: Any) -> None:
    """A space of a tenth beside it: what ten times the profiles cost."""
    small = make_space("small")
    first_id = PROFILES + 1_000_000
    fill(small.pk, profiles=PROFILES // 10, events=EVENTS // 10, first_id=first_id)
    costs = []
    for place, size, first in ((small, PROFILES // 10, first_id), (space, PROFILES, 1)):
        seconds = 0.0
        for case in CASES[3:9:2]:
            audience = make_audience(place, case.name, case.where)
            seconds += statistics.median(_product(place, audience) for _ in range(ROUNDS))
            audience.delete()
        costs.append((seconds, measure_incremental(place, first_id=first, profiles=size, reports=False)))
    (small_full, small_part), (big_full, big_part) = costs
    line("audience_size_backfill", big_full / small_full, "times", limit=12, ratio=12 / (big_full / small_full))
    line("audience_size_incremental", big_part / small_part, "times", limit=1.5, ratio=1.5 / (big_part / small_part))


def main(stages: list[str]) -> None:
    wanted = set(stages) or {"backfill", "incremental", "preview", "size", "steady"}
    with scratch_database(f"bench_audiences_{os.getpid()}") as url:
        from common import tasks

        wake, tasks.wake = tasks.wake, lambda task, **kwargs: None
        space = make_space("big")
        started = time.perf_counter()
        fill(space.pk, profiles=PROFILES, events=EVENTS)
        note(f"{PROFILES:,} profiles and {EVENTS:,} events in {time.perf_counter() - started:.0f} s")
        if "backfill" in wanted:
            measure_backfill(space)
        if "incremental" in wanted:
            measure_incremental(space)
        if "preview" in wanted:
            measure_preview(space)
        if "size" in wanted:
            measure_size(space)
        if "steady" in wanted:
            from bench.audience_steady import measure_steady

            tasks.wake = wake
            measure_steady(space, url)


if __name__ == "__main__":
    main(sys.argv[1:])
