"""Journeys: `python -m bench.journeys [advance] [due]` (both by default), one JSON line each; PEOPLE of 100,000.

`journey_advance`: positions a second through a journey of 20 steps with one worker, held against a bare multi-row
INSERT of the same rows (at least 0.3 of it). `journey_due`: 100,000 delays that end in the same minute; the value is
the seconds until all of them are advanced (at most 60). ENGAGE_BENCH_PEOPLE makes it smaller.
"""

# ruff: noqa: PLC0415 - Django is set up before its modules are imported

from __future__ import annotations

import os
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.common import line, note, scratch_database

PEOPLE = int(os.environ.get("ENGAGE_BENCH_PEOPLE", "100000"))
ROWS_A_STATEMENT = 500
START = datetime(2026, 3, 1, tzinfo=UTC)
COLUMNS = (
    "space_id, profile_id, run_id, step_id, version_id, arrived_at, joined_at, left_at, branch, wake_at, remove_at, "
    "removed_at"
)


def make_people(space: Any, count: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO profile (space_id, id, collection, segment_id, traits, trait_times, merges, created_at, "
            "updated_at) SELECT %s, n, 0, 'use_' || n, '{}', '{}', 0, %s, %s FROM generate_series(1, %s) n",
            [space.pk, START, START, count],
        )
        cursor.execute(
            "INSERT INTO external_id (space_id, collection, id_type, value, original, profile_id, created_at) "
            "SELECT %s, 0, 'user_id', 'user-' || n, 'user-' || n, n, %s FROM generate_series(1, %s) n",
            [space.pk, START, count],
        )
        cursor.execute("ANALYZE profile")
        cursor.execute("ANALYZE external_id")


def twenty_steps() -> list[dict[str, Any]]:
    """Delays, conditions that hold, splits by a condition and by chance, and ads that reach nobody's destination."""
    known = {"version": 1, "collection": "users", "where": {"identifier": "user_id", "exists": True}}
    steps: list[dict[str, Any]] = []
    after: Any = "entry"
    for number in range(4):
        names = [f"{kind}{number}" for kind in ("delay", "until", "split", "send", "chance")]
        parts = [{"id": "a", "name": "A", "percent": 100}, {"id": "b", "name": "B", "percent": 0}]
        steps += [
            {"id": names[0], "type": "delay", "after": after, "name": names[0], "duration": {"hours": 1}},
            {"id": names[1], "type": "condition", "after": names[0], "name": names[1], "condition": known},
            {
                "id": names[2],
                "type": "true_false",
                "after": names[1],
                "name": names[2],
                "condition": known,
                "true_name": "True",
                "false_name": "False",
            },
            {
                "id": names[3],
                "type": "send_to_destinations",
                "after": {"step": names[2], "branch": "true"},
                "name": names[3],
                "connections": [],
            },
            {"id": names[4], "type": "random", "after": names[3], "name": names[4], "branches": parts},
        ]
        after = {"step": names[4], "branch": "a"}
    return steps


def enter_everybody(version: Any, space: Any, people: int, now: datetime) -> None:
    """As a backfill does: slices of changes, each in a transaction."""
    from django.db import transaction

    from audiences.services.compute import Entered
    from audiences.services.following import Evaluated
    from journeys.services.following import follow

    for start in range(1, people + 1, 5_000):
        ids = range(start, min(start + 5_000, people + 1))
        changes = [Entered(audience_id=version.entry_audience_id, profile_id=one, is_member=True) for one in ids]
        with transaction.atomic():
            follow(Evaluated(space=space, now=now, profile_ids=[], touched=None, changes=changes))


def drain(space: Any, now: datetime) -> None:
    from journeys.services.due import due_block

    while due_block(space=space, now=now):
        pass


def make_version(space: Any, steps: list[dict[str, Any]]) -> Any:
    from journeys.tests.factories import make_definition, make_live_journey

    return make_live_journey(space=space, definition=make_definition(*steps), published_at=START, computes=False)


def measure_advance(space: Any) -> None:
    """All people through 20 steps, four delays among them; then the same rows by bare multi-row INSERTs."""
    from django.db import connection

    ratios, rates, bares = [], [], []
    for number in range(3):
        version = make_version(space, twenty_steps())
        people = PEOPLE if number == 2 else max(PEOPLE // 10, 1_000)
        started = time.perf_counter()
        enter_everybody(version, space, people, START)
        for hour in range(1, 5):
            drain(space, START + timedelta(hours=hour))
        took = time.perf_counter() - started
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {COLUMNS} FROM journey_position WHERE version_id = %s AND joined_at IS NOT NULL",
                [version.pk],
            )
            rows = cursor.fetchall()
            cursor.execute(
                "SELECT count(*) FROM journey_run WHERE version_id = %s AND completed_at IS NOT NULL", [version.pk]
            )
            completed = cursor.fetchone()[0]
        assert (len(rows), completed) == (people * 21, people), f"{len(rows)} positions, {completed} completed"
        bare = bare_insert(rows)
        rates.append(len(rows) / took)
        bares.append(bare)
        ratios.append(rates[-1] / bare)
        note(f"  {people:,} people: {rates[-1]:,.0f} positions/s, bare {bare:,.0f}/s")
    line("journey_advance", rates[-1], "positions/s", limit=bares[-1], ratio=ratios[-1], people=PEOPLE, steps=20)


def bare_insert(rows: list[tuple[Any, ...]]) -> float:
    """Rows a second into a table like `journey_position`, its indexes included."""
    from django.db import connection

    rows = rows[:200_000]
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bare_position (LIKE journey_position INCLUDING ALL)")
        started = time.perf_counter()
        for start in range(0, len(rows), ROWS_A_STATEMENT):
            block = rows[start : start + ROWS_A_STATEMENT]
            places = ", ".join(["(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"] * len(block))
            cursor.execute(
                f"INSERT INTO bare_position ({COLUMNS}) VALUES {places}", [value for row in block for value in row]
            )
        took = time.perf_counter() - started
        cursor.execute("DROP TABLE bare_position")
    return len(rows) / took


def measure_due(space: Any) -> None:
    """Everybody's delay ends within a minute; a poll that starts at its end moves them on, in real blocks."""
    steps = [
        {"id": "wait", "type": "delay", "after": "entry", "name": "Wait", "duration": {"hours": 1}},
        {
            "id": "split",
            "type": "true_false",
            "after": "wait",
            "name": "Split",
            "condition": {"version": 1, "collection": "users", "where": {"event": "Order Completed"}},
            "true_name": "True",
            "false_name": "False",
        },
        {
            "id": "more",
            "type": "delay",
            "after": {"step": "split", "branch": "false"},
            "name": "More",
            "duration": {"days": 1},
        },
    ]
    seconds = []
    for _ in range(3):
        version = make_version(space, steps)
        enter_everybody(version, space, PEOPLE, START)
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE journey_position SET wake_at = %s + random() * interval '59 seconds' "
                "WHERE version_id = %s AND wake_at IS NOT NULL",
                [START + timedelta(hours=1), version.pk],
            )
        started = time.perf_counter()
        drain(space, START + timedelta(hours=1, minutes=1))
        seconds.append(time.perf_counter() - started)
        note(f"  {PEOPLE:,} delays in {seconds[-1]:.1f} s")
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM journey_position p JOIN journeys_journeystep s ON s.id = p.step_id "
                "WHERE p.version_id = %s AND s.step_id = 'more' AND p.joined_at IS NOT NULL",
                [version.pk],
            )
            assert cursor.fetchone()[0] == PEOPLE
    value = statistics.median(seconds)
    line("journey_due", value, "s", limit=60, ratio=60 / value, people=PEOPLE)


def main(stages: list[str]) -> None:
    from common import tasks

    with scratch_database(f"bench_journeys_{os.getpid()}"):
        from spaces.models import Space, Workspace

        tasks.wake = lambda task, **kwargs: None  # type: ignore[assignment]
        workspace = Workspace.objects.create(name="Bench", slug="bench")
        space = Space.objects.create(workspace=workspace, name="Bench", slug="bench")
        make_people(space, PEOPLE)
        if "advance" in stages:
            note("journey_advance")
            measure_advance(space)
        if "due" in stages:
            note("journey_due")
            measure_due(space)


if __name__ == "__main__":
    main(sys.argv[1:] or ["advance", "due"])
