"""A dry run of 10,000 people and 200,000 events: `python -m bench.journey_dry_run`, one JSON line.

`value` is the seconds from start to result, `limit` the most it may take; the journey waits, splits, joins again and
sends to two destinations, so that calls are built and mapped as well.
"""

# ruff: noqa: PLC0415 - Django is set up before its modules are imported

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from bench.common import line, note, scratch_database

PEOPLE = 10_000
EVENTS_EACH = 20
DAYS = 90
MOST_SECONDS = 60.0

FILL = """
INSERT INTO profile (space_id, id, collection, segment_id, traits, trait_times, merges, created_at, updated_at)
SELECT %(space)s, n, 0, 'use_' || lpad(n::text, 27, '0'),
    jsonb_build_object('plan', (ARRAY['free', 'pro'])[1 + n %% 2]), '{}', 0, %(from)s, %(from)s
FROM generate_series(1, %(people)s) n;
INSERT INTO external_id (space_id, collection, id_type, value, original, profile_id, created_at)
SELECT %(space)s, 0, 'user_id', 'user-' || n, 'user-' || n, n, %(from)s FROM generate_series(1, %(people)s) n;
INSERT INTO event (space_id, id, profile_id, type, name, ts, received_at, source_id, message_id, properties)
SELECT %(space)s, n * 100 + e, n, 0,
    (ARRAY['Signed Up', 'Product Viewed', 'Cart Updated', 'Order Completed'])[1 + (n + e) %% 4],
    at, at, 0, 'm-' || n || '-' || e, jsonb_build_object('revenue', (n * e) %% 90, 'items', e %% 5)
FROM generate_series(1, %(people)s) n, generate_series(1, %(events)s) e,
    LATERAL (SELECT %(from)s + (((n * 37 + e * 4_001) %% 129_600) || ' minutes')::interval AS at) t;
ANALYZE profile; ANALYZE event; ANALYZE external_id;
"""


def condition(**node: Any) -> dict[str, Any]:
    return {"version": 1, "collection": "users", "where": node}


def definition(destinations: list[str]) -> dict[str, Any]:
    connections = [{"destination": one, "send_identify": True, "send_track": True} for one in destinations]
    orders = condition(event="Order Completed", count={"gte": 2}, window={"within": {"days": 30}})
    big = condition(event="Order Completed", properties=[{"property": "revenue", "greater_than": 50}])
    return {
        "version": 1,
        "name": "Bench",
        "settings": {"exit_after": {"days": 60}, "reentry_after": None},
        "entry": {"name": "New users", "condition": condition(event="Signed Up"), "use_historical": False},
        "steps": [
            {"id": "wait", "type": "delay", "after": "entry", "duration": {"days": 3}},
            {"id": "way", "type": "multi_branch", "after": "wait", "name": "Way",
             "branches": [{"id": "a", "name": "Buyers"}, {"id": "b", "name": "Viewers"}]},
            {"id": "buys", "type": "condition", "after": {"step": "way", "branch": "a"}, "name": "Buys twice",
             "condition": orders},
            {"id": "views", "type": "condition", "after": {"step": "way", "branch": "b"}, "name": "Views",
             "condition": condition(event="Product Viewed")},
            {"id": "big", "type": "true_false", "after": "buys", "name": "Big?", "condition": big,
             "true_name": "Big", "false_name": "Small"},
            {"id": "thanks", "type": "send_to_destinations", "after": {"step": "big", "branch": "true"},
             "name": "Thanks", "connections": connections},
            {"id": "half", "type": "random", "after": "views", "name": "Half",
             "branches": [{"id": "a", "name": "A", "percent": 50}, {"id": "b", "name": "B", "percent": 50}]},
            {"id": "join", "type": "connect", "after": {"step": "half", "branch": "a"}, "to": "thanks"},
            {"id": "later", "type": "delay", "after": {"step": "half", "branch": "b"}, "duration": {"weeks": 1}},
        ],
    }  # fmt: skip


def measure() -> tuple[float, dict[str, Any]]:
    from django.db import connection
    from django.utils import timezone

    from destinations.models import Destination, Mapping
    from journeys.models import DryRun
    from journeys.services import dry_runs
    from journeys.services.drafts import create_journey
    from spaces.models import Space, Workspace

    workspace = Workspace.objects.create(name="Bench", slug="bench")
    space = Space.objects.create(workspace=workspace, name="Bench", slug="bench")
    to_at = timezone.now()
    from_at = to_at - timedelta(days=DAYS)
    with connection.cursor() as cursor:
        values = {"space": space.pk, "from": from_at, "people": PEOPLE, "events": EVENTS_EACH}
        for statement in FILL.split(";"):
            if statement.strip():
                cursor.execute(statement, values)
    ids = []
    for name in ("One", "Two"):
        url = "https://example.org/hook"
        destination = Destination.objects.create(space=space, connector="webhook", name=name, settings={"url": url})
        Mapping.objects.create(
            destination=destination,
            action="send",
            name="Send",
            trigger='type = "track" or type = "identify"',
            fields={"url": url, "method": "POST", "data": {"@path": "$."}},
            is_enabled=True,
        )
        ids.append(destination.public_id)
    version = create_journey(space=space, name="Bench", definition=definition(ids), created_by=None)
    started = time.perf_counter()
    run = dry_runs.start(version=version, from_at=from_at, to_at=to_at, started_by=None)
    while claimed := dry_runs.claim():
        dry_runs.work(claimed, deadline=time.monotonic() + 20)
    seconds = time.perf_counter() - started
    run.refresh_from_db()
    if run.state != DryRun.State.DONE or run.result is None or run.result["people"] != PEOPLE:
        raise SystemExit(f"journey_dry_run: {run.state} {run.error}")
    return seconds, run.result


def main() -> None:
    with scratch_database("engage_bench_dry_run"):
        note(f"journey_dry_run: {PEOPLE:,} people with {PEOPLE * EVENTS_EACH:,} events")
        seconds, result = measure()
        line(
            "journey_dry_run",
            seconds,
            "s",
            limit=MOST_SECONDS,
            ratio=seconds / MOST_SECONDS,
            entered=result["entered"],
            sent=sum(send["calls"] for send in result["sends"]),
        )


if __name__ == "__main__":
    main()
