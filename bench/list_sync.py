"""A whole list to its vendor: `python -m bench.list_sync` (ENGAGE_BENCH_MEMBERS, 1,000,000 when not set).

The product takes the queued changes of a list connection to Facebook Custom Audiences through mapping, hashing, batches
of the vendor's 10,000 and bookkeeping. It is held against a bare loop that posts the same, prebuilt bodies and keeps
the least that has to be kept of each entry: claim the entries of a batch, post its body by libcurl, move them to a log
that can be searched by person, and note who is on the list (at least 0.6 of it). `posting` tells what sending the
bodies alone takes, without any entry being accounted for. `memory` is the peak of the process after the
last batch against the peak after the first tenth.
"""

# ruff: noqa: PLC0415 - Django is set up before its modules are imported

from __future__ import annotations

import os
import resource
import statistics
import sys
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from bench.common import line, note, scratch_database
from bench.deliver import sink

MEMBERS = int(os.environ.get("ENGAGE_BENCH_MEMBERS", "1000000"))
ROUNDS = int(os.environ.get("ENGAGE_BENCH_ROUNDS", "3"))
AUDIENCE = "120000000000000001"

FILL = """
INSERT INTO list_change (space_id, connection_id, profile_id, id_type, id_value, is_add, message_id, payload,
    changed_at, attempts)
SELECT %(space)s, %(connection)s, n, 'email', 'user-' || n || '@example.org', true,
    'personas_' || lpad(n::text, 21, '0'),
    replace(replace(%(payload)s, 'user-0', 'user-' || n), %(message)s, 'personas_' || lpad(n::text, 21, '0')),
    now(), 0
FROM generate_series(1, %(members)s) n
"""
CLAIM = "SELECT id FROM bare_list WHERE id > %s ORDER BY id LIMIT %s"
RECORD = """
WITH gone AS (DELETE FROM bare_list WHERE id = ANY(%s) RETURNING *), member AS (
    INSERT INTO bare_list_member SELECT profile_id, id_type, id_value, now() FROM gone
    ON CONFLICT (profile_id, id_type, id_value) DO UPDATE SET added_at = excluded.added_at
)
INSERT INTO bare_list_log SELECT id, profile_id, payload, now(), 200 FROM gone
"""


def make_connection() -> Any:
    from delivery.models import Connection
    from destinations.services.destinations import create_destination
    from spaces.models import Space, Workspace

    workspace = Workspace.objects.create(name="Bench", slug="bench")
    space = Space.objects.create(workspace=workspace, name="Bench", slug="bench")
    destination = create_destination(
        space=space,
        actor=None,
        connector="facebook_custom_audiences",
        name="Facebook",
        settings={"retlAdAccountId": "42", "oauth_access_token": "token"},
    )
    return Connection.objects.create(
        space=space,
        destination=destination,
        computation_id="aud_bench",
        computation_key="bench",
        computation_name="Bench",
        external_audience_id=AUDIENCE,
        send_track=False,
    )


def template(connection: Any) -> tuple[str, str]:
    """(payload, message id) of one member's change, as the product queues it."""
    from django.db import connection as database
    from django.db import transaction

    from delivery.services.emit import Change, emit_changes

    with transaction.atomic(), database.cursor() as cursor:
        cursor.execute(
            "INSERT INTO external_id (space_id, collection, id_type, value, original, profile_id, created_at) VALUES "
            "(%s, 0, 'user_id', 'user-0', 'user-0', 1, now()), "
            "(%s, 0, 'email', 'user-0@example.org', 'user-0@example.org', 1, now())",
            [connection.space_id, connection.space_id],
        )
        emit_changes(
            space=connection.space,
            computation_id="aud_bench",
            changes=[Change(profile_id=1, value=True)],
            now=datetime.now(UTC),
        )
        cursor.execute("SELECT payload, message_id FROM list_change WHERE id_type = 'email'")
        payload, message_id = cursor.fetchone()
    return payload, message_id


def fill(connection: Any, payload: str, message_id: str) -> None:
    from django.db import connection as database

    with database.cursor() as cursor:
        cursor.execute("TRUNCATE list_change, list_member, delivery_log, attempt, delivery_listsync, sent_value")
        cursor.execute(
            FILL,
            {
                "space": connection.space_id,
                "connection": connection.pk,
                "payload": payload,
                "message": message_id,
                "members": MEMBERS,
            },
        )
    with database.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) list_change")


def fill_bare(connection: Any) -> None:
    from django.db import connection as database

    with database.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE bare_list AS SELECT id, profile_id, id_type, id_value, payload FROM list_change ORDER BY id"
        )
        cursor.execute("ALTER TABLE bare_list ADD PRIMARY KEY (profile_id, id_type, id_value), ADD UNIQUE (id)")
        cursor.execute(
            "CREATE TABLE bare_list_log "
            "(id bigint PRIMARY KEY, profile_id bigint, payload text, finished_at timestamptz, status int)"
        )
        cursor.execute("CREATE INDEX ON bare_list_log (profile_id)")
        cursor.execute(
            "CREATE TABLE bare_list_member (profile_id bigint, id_type text, id_value text, added_at timestamptz, "
            "PRIMARY KEY (profile_id, id_type, id_value))"
        )
        cursor.execute("VACUUM (ANALYZE) bare_list")
        cursor.execute("CHECKPOINT")


def clear_bare() -> None:
    """Leave nothing of the bare loop behind that would be written or vacuumed while the product runs."""
    from django.db import connection as database

    with database.cursor() as cursor:
        cursor.execute("DROP TABLE bare_list, bare_list_log, bare_list_member")
        cursor.execute("CHECKPOINT")


def built_body(connection: Any) -> tuple[int, bytes]:
    """(entries in a batch, body): the request of the first batch, as the product builds it."""
    import msgspec

    from delivery.models import ListSync
    from delivery.services.list_outcomes import next_batch
    from destinations.config import load_config
    from destinations.kit.definition import Audience, ListEntry
    from destinations.lists import list_context, send_batch

    config = load_config(connection.destination_id)
    assert config is not None
    everything = ListSync(connection=connection, up_to_id=2**62, taken_at=datetime.now(UTC))
    batch = next_batch(sync=everything, limit=config.batch_size)
    audience = Audience(id="aud_bench", key="bench", name="Bench", space_id=connection.space.public_id)
    context = list_context(config, audience, settings={}, external_id=AUDIENCE, now=datetime.now(UTC))
    entries = [
        ListEntry(
            message_id=one.message_id,
            id_type=one.id_type,
            id_value=one.id_value,
            event=msgspec.json.decode(one.payload),
        )
        for one in batch
    ]
    request = next(send_batch(config, context, audience, entries, []))
    return len(batch), bytes(request.body or b"")


def measure_bare(database_url: str, url: str, size: int, body: bytes) -> float:
    import psycopg
    import pycurl

    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.POST, 1)
    curl.setopt(pycurl.HTTPHEADER, ["Content-Type: application/json", "Expect:"])
    curl.setopt(pycurl.WRITEFUNCTION, len)
    last = done = 0
    started = time.perf_counter()
    with psycopg.connect(database_url, autocommit=True) as own:
        while rows := own.execute(CLAIM, [last, size]).fetchall():
            last = rows[-1][0]
            curl.setopt(pycurl.POSTFIELDS, body)
            curl.perform()
            own.execute(RECORD, [[row[0] for row in rows]])
            done += len(rows)
    seconds = time.perf_counter() - started
    assert done == MEMBERS, f"{done} of {MEMBERS} entries"
    return done / seconds


def measure_posting(url: str, size: int, body: bytes) -> float:
    import pycurl

    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.POST, 1)
    curl.setopt(pycurl.HTTPHEADER, ["Content-Type: application/json", "Expect:"])
    curl.setopt(pycurl.WRITEFUNCTION, len)
    curl.setopt(pycurl.POSTFIELDS, body)
    count = min(20, max(1, MEMBERS // size))
    started = time.perf_counter()
    for _ in range(count):
        curl.perform()
    return count * size / (time.perf_counter() - started)


def measure_product(connection: Any) -> tuple[float, float]:
    """(members a second, peak memory at the end / peak memory after a tenth)."""
    from django.db import connection as database

    from delivery.services import list_outcomes, lists

    peaks: list[int] = []
    plain = list_outcomes.next_batch

    def watched(**options: Any) -> Any:
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        return plain(**options)

    list_outcomes.next_batch = watched
    started = time.perf_counter()
    try:
        lists.sync_connection(connection=connection)
    finally:
        list_outcomes.next_batch = plain
    seconds = time.perf_counter() - started
    with database.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM delivery_log WHERE outcome = 'delivered'")
        done = cursor.fetchone()[0]
    assert done == MEMBERS, f"{done} of {MEMBERS} entries were delivered"
    return done / seconds, peaks[-1] / peaks[max(2, len(peaks) // 10)]


def main() -> None:
    answer = f'{{"id":"{AUDIENCE}","name":"Bench","success":true}}'
    with scratch_database("bench_list_sync") as database_url, sink(answer) as url:
        from django.conf import settings

        settings.ENGAGE_SEND_TO = urlsplit(url).netloc
        connection = make_connection()
        payload, message_id = template(connection)
        bares, products, growth = [], [], []
        for number in range(ROUNDS):
            fill(connection, payload, message_id)
            fill_bare(connection)
            size, body = built_body(connection)
            bares.append(measure_bare(database_url, url, size, body))
            clear_bare()
            rate, grown = measure_product(connection)
            products.append(rate)
            growth.append(grown)
            note(f"  round {number + 1}: bare {bares[-1]:,.0f}/s, product {rate:,.0f}/s, memory x{grown:.3f}")
        ratios = [own / other for own, other in zip(products, bares, strict=True)]
        line(
            "list_sync",
            statistics.median(products),
            "members/s",
            limit=statistics.median(bares),
            ratio=statistics.median(ratios),
            members=MEMBERS,
            batch=size,
            posting=round(measure_posting(url, size, body)),
            memory=round(max(growth), 3),
        )


if __name__ == "__main__":
    os.environ.setdefault("ENGAGE_ALLOWED_NETWORKS", "127.0.0.0/8")
    sys.exit(main())
