"""The durable hand-off of accepted requests: one writer thread a process commits everything that waits together.

A caller hands in a row and is released after the commit that holds it (group commit, measurements.md §1). A second
thread wakes the pipeline, so that neither the broker nor its absence delays an answer.
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime
from typing import NamedTuple

import psycopg
from django.db import connections

from common.tasks import wake
from ingest.tasks import process_inbound
from ingest.write_keys import KnownSource, WriteKeys

logger = logging.getLogger(__name__)

WAKE_EVERY_SECONDS = 0.1
FLUSH_UNKNOWN_SECONDS = 1.0
WAIT_SECONDS = 30.0
MOST_WAITING = 2_000


class InboxError(Exception):
    """Nothing was stored: the database is away or overloaded; the client should send again."""


class InboxRow(NamedTuple):
    """A row of `inbound_batch`."""

    space_id: int
    source_id: int
    received_at: datetime
    call: str
    encoding: int
    body: bytes
    ip: str | None
    refused: str


class _Waiter:
    __slots__ = ("error", "lock", "row")

    def __init__(self, row: InboxRow) -> None:
        self.row = row
        self.error: Exception | None = None
        self.lock = threading.Lock()
        self.lock.acquire()


class Inbox:
    """Started by its first use, so that a process that forks its workers has no thread to lose."""

    def __init__(self) -> None:
        self.keys = WriteKeys()
        self._waiting: list[_Waiter] = []
        self._guard = threading.Condition()
        self._wake = threading.Event()
        self._threads: list[threading.Thread] = []
        self._is_stopping = False
        self._reader: psycopg.Connection | None = None
        self._reader_guard = threading.Lock()

    def put(self, row: InboxRow) -> None:
        """Store one row; returns after its commit. InboxError when that failed."""
        waiter = _Waiter(row)
        with self._guard:
            if len(self._waiting) >= MOST_WAITING:
                raise InboxError
            if not self._threads:
                self._start()
            self._waiting.append(waiter)
            self._guard.notify()
        if not waiter.lock.acquire(timeout=WAIT_SECONDS) or waiter.error is not None:
            raise InboxError from waiter.error

    def source(self, key: str) -> KnownSource | None:
        """The source of a write key; InboxError when it is not remembered and the database is away."""
        is_remembered, source = self.keys.remembered(key)
        if is_remembered:
            return source
        with self._reader_guard:
            is_remembered, source = self.keys.remembered(key)
            if is_remembered:
                return source
            for is_last in (False, True):
                try:
                    if self._reader is None or self._reader.closed:
                        self._reader = connect()
                    return self.keys.look_up(self._reader, key)
                except psycopg.Error as error:
                    self._reader = None
                    if is_last:
                        raise InboxError from error
        raise AssertionError("unreachable")

    def count_unknown(self, key: str) -> None:
        self.keys.count_unknown(key)
        with self._guard:
            if not self._threads:
                self._start()

    def stop(self) -> None:
        """Store what waits, end the threads and close the connections."""
        with self._guard:
            self._is_stopping = True
            self._guard.notify()
        self._wake.set()
        for thread in self._threads:
            thread.join()
        self._threads = []
        self._is_stopping = False
        self._wake.clear()
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self.keys.forget()

    def _start(self) -> None:
        for target in (self._write, self._wake_pipeline):
            thread = threading.Thread(target=target, name=f"inbox{target.__name__}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def _write(self) -> None:
        connection: psycopg.Connection | None = None
        while True:
            with self._guard:
                if not self._waiting and not self._is_stopping:
                    self._guard.wait(FLUSH_UNKNOWN_SECONDS if self.keys.has_unknown() else FLUSH_UNKNOWN_SECONDS * 5)
                block, self._waiting = self._waiting, []
                is_last = self._is_stopping and not block
            connection = self._commit(connection, block)
            if not block and self.keys.has_unknown():
                connection = self._flush_unknown(connection)
            if is_last:
                break
        if connection is not None:
            connection.close()

    def _commit(self, connection: psycopg.Connection | None, block: list[_Waiter]) -> psycopg.Connection | None:
        if not block:
            return connection
        error: Exception | None = None
        for _ in range(2):
            try:
                if connection is None or connection.closed:
                    connection = connect()
                insert(connection, [waiter.row for waiter in block])
                error = None
                break
            except psycopg.Error as failure:
                error = failure
                logger.warning("the inbox could not store %s requests: %s", len(block), type(failure).__name__)
                if connection is not None:
                    connection.close()
                connection = None
        for waiter in block:
            waiter.error = error
            waiter.lock.release()
        if error is None:
            self._wake.set()
        return connection

    def _flush_unknown(self, connection: psycopg.Connection | None) -> psycopg.Connection | None:
        try:
            if connection is None or connection.closed:
                connection = connect()
            self.keys.flush_unknown(connection)
        except psycopg.Error as failure:
            logger.warning("unknown write keys were not counted: %s", type(failure).__name__)
            if connection is not None:
                connection.close()
            return None
        return connection

    def _wake_pipeline(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._is_stopping:
                return
            wake(process_inbound)
            threading.Event().wait(WAKE_EVERY_SECONDS)


def connect() -> psycopg.Connection:
    """A plain connection to the product's database; every statement commits by itself."""
    django = connections["default"].get_connection_params()
    kept = {
        key: value for key, value in django.items() if key not in ("cursor_factory", "context", "prepare_threshold")
    }
    return psycopg.connect(**kept, autocommit=True, prepare_threshold=1, application_name="inbox")


def insert(connection: psycopg.Connection, rows: list[InboxRow]) -> None:
    """Append rows to the inbound log in one commit."""
    columns = "space_id, source_id, received_at, call, encoding, body, ip, refused"
    if len(rows) == 1:
        connection.execute(
            f"INSERT INTO inbound_batch ({columns}) VALUES (%s, %s, %s, %s, %s, %b, %s, %s)",  # noqa: S608
            rows[0],
        )
        return
    with connection.cursor() as cursor, cursor.copy(f"COPY inbound_batch ({columns}) FROM STDIN BINARY") as copy:
        copy.set_types(["int4", "int8", "timestamptz", "text", "int2", "bytea", "text", "text"])
        for row in rows:
            copy.write_row(row)


inbox = Inbox()
