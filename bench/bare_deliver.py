"""The limit that `deliver` is held against: claim 500 rows, post their ready bodies by libcurl, record the outcomes."""

from __future__ import annotations

import time

import psycopg
import pycurl

CONNECTIONS = 50
BLOCK = 500

CLAIM = """
UPDATE bare_outbox o SET lease_until = now() + interval '1 minute' FROM (
    SELECT id FROM bare_outbox WHERE destination_id = 1 AND next_attempt_at <= now() AND lease_until IS NULL
    ORDER BY next_attempt_at, id LIMIT 500 FOR UPDATE SKIP LOCKED
) due WHERE o.id = due.id RETURNING o.id, o.payload
"""
RECORD = """
WITH gone AS (DELETE FROM bare_outbox WHERE id = ANY(%s) RETURNING *)
INSERT INTO bare_log SELECT id, destination_id, payload, now(), 200 FROM gone
"""


def fill(connection: psycopg.Connection, payloads: list[str]) -> None:
    connection.execute("DROP TABLE IF EXISTS bare_outbox, bare_log")
    connection.execute(
        "CREATE TABLE bare_outbox (id bigserial PRIMARY KEY, destination_id bigint NOT NULL, payload text NOT NULL, "
        "next_attempt_at timestamptz NOT NULL DEFAULT now(), lease_until timestamptz)"
    )
    connection.execute("CREATE INDEX ON bare_outbox (destination_id, next_attempt_at, id)")
    connection.execute(
        "CREATE TABLE bare_log (id bigint, destination_id bigint, payload text, finished_at timestamptz, status int)"
    )
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY bare_outbox (destination_id, payload) FROM STDIN") as copy,
    ):
        for payload in payloads:
            copy.write_row((1, payload))
    connection.execute("ANALYZE bare_outbox")


def run(connection: psycopg.Connection, url: str) -> tuple[int, float]:
    """Send everything; returns (calls, seconds)."""
    multi = pycurl.CurlMulti()
    idle = [_handle(url) for _ in range(CONNECTIONS)]
    done = 0
    started = time.perf_counter()
    while rows := connection.execute(CLAIM).fetchall():
        waiting = list(rows)
        flying = 0
        while waiting or flying:
            while waiting and idle:
                curl = idle.pop()
                curl.setopt(pycurl.POSTFIELDS, waiting.pop()[1])
                multi.add_handle(curl)
                flying += 1
            multi.perform()
            _left, succeeded, failed = multi.info_read()
            for curl in [*succeeded, *(one[0] for one in failed)]:
                multi.remove_handle(curl)
                idle.append(curl)
                flying -= 1
            if flying and not succeeded:
                multi.select(0.1)
        connection.execute(RECORD, [[row[0] for row in rows]])
        done += len(rows)
    return done, time.perf_counter() - started


def _handle(url: str) -> pycurl.Curl:
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.NOSIGNAL, 1)
    curl.setopt(pycurl.POST, 1)
    curl.setopt(pycurl.HTTPHEADER, ["Content-Type: application/json", "Expect:"])
    curl.setopt(pycurl.WRITEFUNCTION, len)
    return curl
