"""Trace: `python -m bench.trace [deliveries]`, 5,000,000 by default, one JSON line each. Limit: p95 of 300 ms.

Stored deliveries over 30 days in their partitions, and events over a year; each look-up is the whole page: the search,
the redirect to the call where there is one, and its timeline.
"""

# ruff: noqa: PLC0415 - Django is set up before its modules are imported

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.common import line, note, scratch_database
from bench.deliver import make_connection

DELIVERIES = 5_000_000
CALLS_A_PERSON = 10
EVENTS_SHARE = 0.4
DAYS = 30
LOOKUPS = 100
LIMIT_MS = 300.0
CONNECTIONS = 40

FILL_PEOPLE = """
INSERT INTO profile (space_id, id, collection, segment_id, traits, trait_times, merges, created_at, updated_at)
SELECT %(space)s, n, 0, 'use_' || lpad(n::text, 27, '0'), '{{"plan": "pro"}}', '{{}}', 0, now(), now()
FROM generate_series(1, %(people)s) n;
INSERT INTO external_id (space_id, collection, id_type, value, original, profile_id, created_at)
SELECT %(space)s, 0, 'user_id', 'user-' || n, 'user-' || n, n, now() FROM generate_series(1, %(people)s) n;
INSERT INTO external_id (space_id, collection, id_type, value, original, profile_id, created_at)
SELECT %(space)s, 0, 'email', 'user' || n || '@example.com', 'user' || n || '@example.com', n, now()
FROM generate_series(1, %(people)s) n;
""".replace("{{", "{").replace("}}", "}")
FILL_LOG = """
INSERT INTO delivery_log (space_id, id, destination_id, connection_id, profile_id, message_id, kind, event, payload,
    created_at, finished_at, attempts, outcome, reason, detail, status, duration_ms, exchange)
SELECT %(space)s, n, %(destination)s, (%(connections)s::bigint[])[(1 + n %% %(many)s)::int],
    1 + (n * 7919) %% %(people)s, 'personas_' || substr(md5(n::text), 1, 21), 'track', 'Audience Entered', %(payload)s,
    %(begin)s + n * %(step)s::interval, %(begin)s + n * %(step)s::interval + interval '1 second', 1,
    CASE WHEN n %% 50 = 0 THEN 'failed' ELSE 'delivered' END, CASE WHEN n %% 50 = 0 THEN '400' END,
    CASE WHEN n %% 50 = 0 THEN 'The destination answered 400.' END, CASE WHEN n %% 50 = 0 THEN 400 ELSE 200 END, 20,
    %(exchange)s
FROM generate_series(%(first)s::bigint, %(last)s) n
"""
FILL_EVENTS = """
INSERT INTO event (space_id, id, profile_id, type, name, ts, received_at, source_id, message_id, user_id, properties)
SELECT %(space)s, n, 1 + (n * 7919) %% %(people)s, 0, 'Order Completed', %(begin)s + n * %(step)s::interval,
    %(begin)s + n * %(step)s::interval, 1, 'web-' || md5(n::text), NULL,
    jsonb_build_object('revenue', n %% 500, 'order_id', 'order-' || n, 'products', jsonb_build_array('a', 'b'))
FROM generate_series(%(first)s::bigint, %(last)s) n
"""


def fill(connection: Any, deliveries: int) -> int:
    """Returns how many people there are."""
    from django.db import connection as database

    from delivery.models import Connection
    from profiles.services.partitions import make_partitions, shift, start_of, summarize

    now = datetime.now(UTC)
    space_id, people = connection.space_id, max(1, deliveries // CALLS_A_PERSON)
    others = [
        Connection.objects.create(
            space=connection.space,
            destination=connection.destination,
            computation_id=f"aud_bench{number}",
            computation_key=f"bench{number}",
            computation_name=f"Bench {number}",
        ).pk
        for number in range(1, CONNECTIONS)
    ]
    first_day = start_of(now - timedelta(days=DAYS), "day")
    for table in ("delivery_log", "attempt"):
        make_partitions(table=table, span="day", now=first_day, ahead=DAYS + 7)
    make_partitions(table="event", span="month", now=shift(start_of(now, "month"), "month", -12), ahead=15)
    # About as long as what Webhook (Actions) sends and keeps.
    personas = {"computation_class": "audience", "computation_id": "aud_bench", "computation_key": "bench"}
    payload = {
        "type": "track",
        "event": "Audience Entered",
        "userId": "user-1",
        "properties": {"bench": True, "audience_key": "bench"},
        "context": {"personas": personas},
        "integrations": {"All": False, "Actions Webhook": True},
        "timestamp": "2026-03-15T12:00:00Z",
    }
    request = {"method": "POST", "url": "https://example.com/in", "headers": {}, "body": "x" * 400}
    exchange = [{"request": request, "response": {"status": 200, "headers": {}, "body": "ok"}}]
    shared = {"space": space_id, "people": people, "payload": json.dumps(payload), "exchange": json.dumps(exchange)}
    with database.cursor() as cursor:
        cursor.execute(FILL_PEOPLE, shared)
        events = int(deliveries * EVENTS_SHARE)
        for statement, count, days in ((FILL_LOG, deliveries, DAYS), (FILL_EVENTS, events, 360)):
            step = timedelta(days=days) / max(1, count)
            begin = now - timedelta(days=days)
            for start in range(1, count + 1, 250_000):
                last = min(count, start + 249_999)
                cursor.execute(
                    statement,
                    shared
                    | {
                        "destination": connection.destination_id,
                        "connections": [connection.pk, *others],
                        "many": 1 + len(others),
                        "begin": begin,
                        "step": step,
                        "first": start,
                        "last": last,
                    },
                )
                note(f"  {last:,} of {count:,}")
        cursor.execute("SELECT setval('delivery_id_seq', %s)", [deliveries + 1])
        for table in ("delivery_log", "event", "external_id", "profile"):
            cursor.execute(f"ANALYZE {table}")
    summarize(index="event_message")
    return people


def sign_in(space: Any) -> Any:
    from django.conf import settings
    from django.test import Client

    from spaces.models import Member, Role, User

    settings.ALLOWED_HOSTS = ["testserver"]
    settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    user = User.objects.create_user("bench@example.com", "not a real password", name="Bench")
    Member.objects.create(workspace=space.workspace, user=user, role=Role.OWNER)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def times_of(client: Any, space: Any, texts: list[str], expected: str) -> list[float]:
    found = []
    for text in texts:
        started = time.perf_counter()
        answer = client.get(f"/s/{space.slug}/delivery/trace/", {"q": text}, follow=True)
        found.append((time.perf_counter() - started) * 1000)
        assert expected in answer.content.decode(), f"{text}: not found"
    return found


def main(deliveries: int) -> None:
    from hashlib import md5

    with scratch_database("bench_trace"):
        connection = make_connection("http://127.0.0.1:9/in")
        note(f"fill: {deliveries:,} deliveries")
        started = time.perf_counter()
        people = fill(connection, deliveries)
        note(f"  {time.perf_counter() - started:.0f} s")
        client = sign_in(connection.space)
        chance = random.Random(7)
        events = int(deliveries * EVENTS_SHARE)

        def digest(number: int) -> str:
            return md5(str(number).encode(), usedforsecurity=False).hexdigest()

        kinds: dict[str, tuple[Callable[[], str], str]] = {
            "call": (lambda: "personas_" + digest(chance.randint(1, deliveries))[:21], 'data-test="call.trace"'),
            "event": (lambda: "web-" + digest(chance.randint(1, events)), 'data-test="trace.event"'),
            "user_id": (lambda: f"user-{chance.randint(1, people)}", 'data-test="trace.person"'),
            "email": (lambda: f"user{chance.randint(1, people)}@example.com", 'data-test="trace.person"'),
            "unknown": (lambda: f"nobody-{chance.random()}", "Nothing found"),
        }
        every: list[float] = []
        for name, (make, expected) in kinds.items():
            times_of(client, connection.space, [make() for _ in range(5)], expected)
            times = times_of(client, connection.space, [make() for _ in range(LOOKUPS)], expected)
            every += times
            p95 = statistics.quantiles(times, n=20)[-1]
            line(f"trace_{name}", p95, "ms p95", limit=LIMIT_MS, median=round(statistics.median(times), 1))
        p95 = statistics.quantiles(every, n=20)[-1]
        line("trace", p95, "ms p95", limit=LIMIT_MS, ratio=p95 / LIMIT_MS, deliveries=deliveries)


if __name__ == "__main__":
    main(int(sys.argv[1].replace(",", "")) if len(sys.argv) > 1 else DELIVERIES)
