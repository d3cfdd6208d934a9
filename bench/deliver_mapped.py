"""Calls out through a real Actions connector: `python -m bench.deliver_mapped [deliver_mapped] [batched]`.

`deliver_mapped`: Braze, one request a call, 15 mapped fields, by one worker, held against the bare loop of `deliver`
with the same calls as ready bodies (at least 0.3 of it). `batched` is the same as Braze is set up by default: up to 75
in a request.
"""

# ruff: noqa: PLC0415 - Django is set up before its modules are imported

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from bench.common import interleaved, line, note, scratch_database
from bench.deliver import payloads, sink
from bench.worker import real_worker

ROUNDS = int(os.environ.get("ENGAGE_BENCH_ROUNDS", "5"))
CALLS = int(os.environ.get("ENGAGE_BENCH_CALLS", "10000"))
# Everything the default mapping asks for, and two more of its fields: 15 in all.
MORE = {"time_zone": {"@path": "$.traits.timezone"}, "language": {"@path": "$.traits.language"}}
FIELDS = 15
TRAITS = {
    "firstName": "Ann",
    "lastName": "Archer",
    "gender": "female",
    "phone": "+15551234567",
    "avatar": "https://cdn.example.org/ann.png",
    "timezone": "Europe/Berlin",
    "language": "de",
    "address": {"city": "Berlin", "country": "DE"},
    "plan": "premium",
    "orders": 12,
    "total_revenue": 1204.5,
}


def make_connection() -> Any:
    """An audience's connection to Braze that sends Identify calls with the traits of the person."""
    from delivery.models import Connection
    from destinations.services.destinations import create_destination
    from spaces.models import Space, Workspace

    workspace = Workspace.objects.create(name="Bench", slug="bench")
    space = Space.objects.create(workspace=workspace, name="Bench", slug="bench")
    destination = create_destination(
        space=space,
        actor=None,
        connector="braze",
        name="Braze",
        settings={"api_key": "key", "endpoint": "https://rest.iad-01.braze.com"},
        requests_per_second=100_000,
    )
    return Connection.objects.create(
        space=space,
        destination=destination,
        computation_id="aud_bench",
        computation_key="bench",
        computation_name="Bench",
        send_track=False,
        setup=Connection.Setup.CUSTOMIZED,
        trait_mappings=[{"segment": name, "destination": name} for name in TRAITS],
    )


def set_mapping(destination: Any, *, is_batched: bool) -> None:
    """One mapping of 15 fields."""
    from destinations.services.mappings import create_mapping

    destination.mappings.all().delete()
    from destinations.catalog import definition

    braze = definition("braze")
    assert braze is not None
    action = braze.action("updateUserProfile")
    assert action is not None
    steering = {"enable_batching", "batch_size"}
    fields = {**action.default_fields(), **MORE}
    assert len(set(fields) - steering) == FIELDS, f"{len(set(fields) - steering)} fields are mapped"
    create_mapping(
        destination=destination,
        actor=None,
        action=action.key,
        name="Profiles",
        fields={**fields, "enable_batching": is_batched},
        is_enabled=True,
    )


def make_people(space_id: int, count: int) -> None:
    """Those of the plain measurement, with traits."""
    import msgspec
    from django.db import connection

    from bench import deliver

    deliver.make_people(space_id, count)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO profile (space_id, id, collection, segment_id, traits, trait_times, merges, created_at, "
            "updated_at) SELECT %s, n, 0, 'use_' || n, %s::jsonb || jsonb_build_object('email', 'user-' || n || "
            "'@example.org'), '{}', 0, now(), now() FROM generate_series(1, %s) n",
            [space_id, msgspec.json.encode(TRAITS).decode(), count],
        )
        cursor.execute("ANALYZE profile")


def emit(connection: Any) -> None:
    from django.db import connection as database
    from django.db import transaction

    from delivery.services.emit import Change, emit_changes

    with database.cursor() as cursor:
        cursor.execute("TRUNCATE delivery, sent_value, delivery_log, attempt")
    changes = [Change(profile_id=number, value=True) for number in range(1, CALLS + 1)]
    for start in range(0, CALLS, 2_000):
        with transaction.atomic():
            emit_changes(
                space=connection.space,
                computation_id="aud_bench",
                changes=changes[start : start + 2_000],
                now=datetime.now(UTC),
            )
    with database.cursor() as cursor:
        cursor.execute("ANALYZE delivery")


def measure(name: str, connection: Any, url: str, database_url: str) -> None:
    import psycopg
    from django.db import connection as database

    from bench import bare_deliver

    emit(connection)
    bodies = payloads()

    def bare() -> float:
        with psycopg.connect(database_url, autocommit=True) as own:
            bare_deliver.fill(own, bodies)
            done, seconds = bare_deliver.run(own, url)
        return done / seconds

    def product() -> float:
        emit(connection)
        started = time.perf_counter()
        worker.deliver()
        seconds = time.perf_counter() - started
        with database.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM delivery_log WHERE outcome = 'delivered'")
            done = cursor.fetchone()[0]
        assert done == CALLS, f"{done} of {CALLS} calls were delivered"
        return done / seconds

    with real_worker(database_url) as worker:
        product()
        bare()
        value, limit, ratio = interleaved(ROUNDS, bare, product)
    line(name, value, "calls/s", limit=limit, ratio=ratio)


def main(stages: list[str]) -> None:
    with scratch_database("bench_deliver_mapped") as database_url, sink('{"message":"success"}') as url:
        from django.conf import settings

        settings.ENGAGE_SEND_TO = os.environ["ENGAGE_SEND_TO"] = urlsplit(url).netloc
        connection = make_connection()
        make_people(connection.space_id, CALLS)
        for stage, is_batched in (("deliver_mapped", False), ("batched", True)):
            if stage in stages:
                note(stage)
                set_mapping(connection.destination, is_batched=is_batched)
                measure("deliver_mapped_batched" if is_batched else stage, connection, url, database_url)


if __name__ == "__main__":
    os.environ.setdefault("ENGAGE_ALLOWED_NETWORKS", "127.0.0.0/8")
    main(sys.argv[1:] or ["deliver_mapped", "batched"])
