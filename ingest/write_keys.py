"""Which source a write key belongs to: read from the database, remembered for seconds. And unknown keys, counted."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import NamedTuple

from psycopg import Connection

CACHE_SECONDS = 2.0
MOST_REMEMBERED = 10_000
PREFIX = 8


class KnownSource(NamedTuple):
    space_id: int
    source_id: int
    is_enabled: bool


class WriteKeys:
    """The cache of one process. A change of a source is seen within CACHE_SECONDS."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, KnownSource | None]] = {}
        self._unknown: dict[str, int] = {}
        self._lock = threading.Lock()

    def remembered(self, key: str) -> tuple[bool, KnownSource | None]:
        """(whether it is remembered, the source or None for a key that no source has)."""
        kept = self._known.get(key)
        if kept is None or kept[0] < time.monotonic():
            return False, None
        return True, kept[1]

    def look_up(self, connection: Connection, key: str) -> KnownSource | None:
        row = None
        if 0 < len(key) <= 40 and key.isascii() and "\x00" not in key:
            row = connection.execute(
                "SELECT space_id, id, is_enabled FROM spaces_source WHERE write_key = %s", [key]
            ).fetchone()
        source = None if row is None else KnownSource(*row)
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[key[:64]] = (time.monotonic() + CACHE_SECONDS, source)
        return source

    def forget(self) -> None:
        self._known.clear()

    def count_unknown(self, key: str) -> None:
        """Remember one request with a key that no source has; `flush_unknown` stores the counts."""
        prefix = "".join(letter if letter.isprintable() else "?" for letter in key[:PREFIX])
        prefix = prefix.encode("utf-8", "replace").decode()
        with self._lock:
            if prefix not in self._unknown and len(self._unknown) >= 1_000:
                prefix = "(others)"
            self._unknown[prefix] = self._unknown.get(prefix, 0) + 1

    def has_unknown(self) -> bool:
        return bool(self._unknown)

    def flush_unknown(self, connection: Connection) -> None:
        with self._lock:
            counts, self._unknown = self._unknown, {}
        now = datetime.now(UTC)
        for prefix, requests in sorted(counts.items()):
            connection.execute(
                "INSERT INTO unknown_write_key AS u (prefix, requests, first_seen_at, last_seen_at) "
                "VALUES (%s, %s, %s, %s) ON CONFLICT (prefix) DO UPDATE "
                "SET requests = u.requests + excluded.requests, last_seen_at = excluded.last_seen_at",
                [prefix, requests, now, now],
            )
