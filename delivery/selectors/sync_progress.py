"""How far the first sync (or a resync) of a connection is, and how long the rest takes at the cap (F121)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from delivery.models import Connection, FirstSync, ListSync
from delivery.selectors.books import Books
from delivery.services import lists
from delivery.services.first_sync import OPEN
from destinations import catalog

# Without a cap the pace so far tells, once there is this much of it (seconds).
LEAST_ELAPSED = 5.0


@dataclass(frozen=True, kw_only=True)
class SyncProgress:
    """`people_done` of `people_total` are queued; `calls_done` of about `calls_total` calls are over.

    `seconds_left` None: there is no telling yet. A list goes out in batches, so that its calls are entries.
    """

    people_done: int
    people_total: int
    calls_done: int
    calls_total: int
    seconds_left: float | None

    @property
    def percent(self) -> int:
        return min(99, self.calls_done * 100 // self.calls_total) if self.calls_total else 0


def sync_progress(
    connection: Connection, run: FirstSync | None, books: Books, *, now: datetime | None = None
) -> SyncProgress | None:
    """None when there is no sync, or all of its calls are over."""
    if run is None or run.state in (FirstSync.State.CANCELLED, FirstSync.State.FAILED):
        return None
    waiting = books.waiting + books.in_flight
    is_open = run.state in OPEN
    if not is_open and not waiting:
        return None
    done = books.emitted - waiting
    to_queue = max(0, run.profiles_total - run.profiles_done) if is_open else 0
    each = books.emitted / run.profiles_done if run.profiles_done else 1.0
    left = waiting + math.ceil(to_queue * each)
    now = now or timezone.now()
    elapsed = (now - run.created_at).total_seconds()
    return SyncProgress(
        people_done=run.profiles_done,
        people_total=run.profiles_total,
        calls_done=done,
        calls_total=done + left,
        seconds_left=_seconds(connection, left, done=done, elapsed=elapsed, now=now),
    )


def _seconds(connection: Connection, left: int, *, done: int, elapsed: float, now: datetime) -> float | None:
    definition = catalog.definition(connection.destination.connector)
    cap = connection.destination.requests_per_second or (definition.requests_per_second if definition else None)
    batch = definition.batch_size if definition is not None and definition.kind == "list" else None
    if cap:
        seconds = (math.ceil(left / batch) if batch else left) / cap
    elif done and elapsed >= LEAST_ELAPSED:
        seconds = left * elapsed / done
    else:
        return None
    return max(1.0, seconds) + (_until_run(connection, now) if batch else 0.0)


def _until_run(connection: Connection, now: datetime) -> float:
    """How long a list's changes are collected before they go out."""
    if connection.list_synced_at is None or connection.list_syncs.filter(state=ListSync.State.RUNNING).exists():
        return 0.0
    return max(0.0, (lists.next_sync_at(connection) - now).total_seconds())
