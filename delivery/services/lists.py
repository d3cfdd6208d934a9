"""List destinations: at their cadence, the net adds and removes of a connection in batches of the vendor's size.

The first run takes the whole list, as soon as the first sync has collected it. A run that was cut short (end of the
task, a kill) is taken up where it stopped: what has no outcome yet is sent again under the same message ids.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from common.collecting import uncollected
from common.http import CurlPool, TransportError
from common.locks import LockClass
from delivery.models import Connection, FirstSync, ListSync
from delivery.services import exchanges, list_outcomes, outbox, retries
from delivery.services.breaker import Breaker
from delivery.services.exchanges import Exchange
from delivery.services.list_entries import batches, list_entries
from delivery.services.list_outcomes import BatchResult, Entry
from delivery.services.rate import Cap, cap_for
from delivery.services.recorder import Recorder
from delivery.services.repair import repair_asked
from destinations import catalog, lists
from destinations.config import DestinationConfig, load_config
from destinations.kit.conversation import pause_of
from destinations.kit.definition import Audience, Context
from destinations.kit.errors import NetworkError
from destinations.kit.http import Request
from destinations.kit.verdicts import Verdict
from destinations.services.tokens import StoredTokens, needs_sign_in, pause_destination

logger = logging.getLogger(__name__)

# One run of a connection at a time (this number, connection id); so many tasks at once (that number, slot).
TASKS = 2
# A destination that fails so many batches in a row is left alone until the next try.
FAILED_BATCHES = 3
# How long to wait for somebody else who signs in.
WAIT_SECONDS = 0.2


def distinct(verdicts: list[Verdict]) -> list[Verdict]:
    """Each verdict once: nearly all entries of a batch share the very same one."""
    return list({id(verdict): verdict for verdict in verdicts}.values())


def sync_due(*, now: datetime | None = None) -> int:
    """The task's body: run every list connection that is due; returns how many ran."""
    deadline = time.monotonic() + settings.ENGAGE_TASK_SECONDS
    ran = 0
    with database.cursor() as cursor:
        slot = next((one for one in range(TASKS) if _locked(cursor, LockClass.LIST_TASK, one)), None)
    if slot is None:
        return 0
    try:
        repair_asked(deadline=deadline)
        for connection in due_connections(now=now or timezone.now()):
            if time.monotonic() >= deadline:
                break
            ran += sync_connection(connection=connection, now=now, deadline=deadline)
    finally:
        with database.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [LockClass.LIST_TASK, slot])
    return ran


def _locked(cursor: Any, lock_class: int, number: int) -> bool:
    cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [lock_class, number])
    return bool(cursor.fetchone()[0])


def due_connections(*, now: datetime) -> list[Connection]:
    """List connections with changes whose time has come, or with a run that was cut short."""
    slugs = [slug for slug, definition in catalog.definitions().items() if definition.kind == "list"]
    found = Connection.objects.filter(
        removed_at=None,
        is_enabled=True,
        destination__connector__in=slugs,
        destination__is_enabled=True,
        destination__paused_at=None,
        destination__deleted_at=None,
    ).select_related("destination", "space")
    return [connection for connection in found.order_by("list_synced_at", "id") if _is_due(connection, now)]


def _is_due(connection: Connection, now: datetime) -> bool:
    if connection.list_syncs.filter(state=ListSync.State.RUNNING).exists():
        return True
    has_fresh, has_retries = list_outcomes.pending(connection=connection, now=now)
    if not has_fresh and not has_retries:
        return False
    if connection.list_synced_at is None:
        collecting = [FirstSync.State.WAITING, FirstSync.State.RUNNING]
        return not connection.first_syncs.filter(state__in=collecting).exists()
    return has_retries or now >= next_sync_at(connection)


def next_sync_at(connection: Connection) -> datetime:
    """When the collected changes of a connection go out."""
    config = load_config(connection.destination_id)
    if connection.list_synced_at is None or config is None:
        return timezone.now()
    return connection.list_synced_at + timedelta(seconds=config.list_interval_seconds)


def sync_connection(*, connection: Connection, now: datetime | None = None, deadline: float | None = None) -> bool:
    """One run of one connection; False when another worker is at it. `now` fixes the time for tests."""
    with database.cursor() as cursor:
        if not _locked(cursor, LockClass.LIST_RUN, connection.pk):
            return False
    try:
        config = load_config(connection.destination_id)
        if config is None:
            return False
        with CurlPool(concurrency=1) as pool:
            _Run(connection=connection, config=config, pool=pool, now=now).go(deadline=deadline)
    finally:
        with database.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [LockClass.LIST_RUN, connection.pk])
    return True


@dataclass(kw_only=True)
class _Run:
    connection: Connection
    config: DestinationConfig
    pool: CurlPool
    now: datetime | None
    sync: ListSync = field(init=False)
    cap: Cap | None = field(init=False)
    tokens: StoredTokens = field(init=False)
    # Writes the outcomes of one batch while the next one is made.
    recorder: Recorder = field(init=False)

    def __post_init__(self) -> None:
        self.cap = cap_for(self.config)
        self.tokens = StoredTokens(self.config)

    def _clock(self) -> datetime:
        return self.now or timezone.now()

    def go(self, *, deadline: float | None) -> None:
        self.sync = self._begin()
        self.recorder = Recorder(
            clock=self._clock, record=partial(list_outcomes.record, sync=self.sync, connection=self.connection)
        )
        try:
            with outbox.plain_plans(), uncollected(), closing(self._batches()) as due:
                error, is_over = self._work(due, deadline)
            self.recorder.collect(timeout=None)
        finally:
            self.recorder.close()
        if is_over:
            self._end(error)

    def _batches(self) -> Generator[list[Entry], None, None]:
        size = max(1, self.config.batch_size)
        return batches(
            lambda after_id: list_outcomes.next_batch(sync=self.sync, limit=size, after_id=after_id), size=size
        )

    def _work(self, due: Iterator[list[Entry]], deadline: float | None) -> tuple[Verdict | None, bool]:
        """Send what the run holds: what stopped it, and whether it is over (else it is taken up later)."""
        breaker = Breaker(self.config.id)
        breaker.load()
        error = self._prepare()
        failed_in_a_row = 0
        while error is None:
            if deadline is not None and time.monotonic() >= deadline:
                return None, False
            batch = next(due, None)
            if batch is None:
                break
            verdicts = self._send(batch)
            told = distinct(verdicts)
            refused = next((verdict for verdict in told if needs_sign_in(self.config, verdict)), None)
            if refused is not None:
                pause_destination(destination_id=self.config.id, reason=refused.detail)
                error = replace(refused, outcome="retry")
            elif all(verdict.outcome == "retry" for verdict in told):
                failed_in_a_row += 1
                breaker.failed(self._clock(), verdicts[0].detail)
                if failed_in_a_row >= FAILED_BATCHES:
                    error = verdicts[0]
            else:
                failed_in_a_row = 0
                breaker.succeeded(self._clock())
        breaker.write(self._clock(), is_last=True)
        return error, True

    def _begin(self) -> ListSync:
        """Take up the run that was cut short, or start one over everything that is due."""
        with transaction.atomic():
            sync = self.connection.list_syncs.filter(state=ListSync.State.RUNNING).order_by("id").first()
            if sync is None:
                sync = list_outcomes.begin(connection=self.connection, now=self._clock())
                if list_outcomes.has_fresh(sync=sync):
                    Connection.objects.filter(pk=self.connection.pk).update(list_synced_at=self._clock())
        return sync

    def _prepare(self) -> Verdict | None:
        """Make sure that there is a list to fill. What stands in the way decides for all entries of the run."""
        problem: Verdict | None = lists.readiness(self.config)
        if problem is None:
            made: list[Exchange] = []
            context = self._context()
            outcome = self._converse(lists.ensure_audience(self.config, context, self._audience(), self.tokens), made)
            verdict: Verdict = outcome[0] if isinstance(outcome, tuple) else outcome
            external_id: str = outcome[1] if isinstance(outcome, tuple) else ""
            if verdict.outcome == "delivered":
                if external_id and external_id != self.connection.external_audience_id:
                    self.connection.external_audience_id = external_id
                    self.connection.save(update_fields=["external_audience_id", "updated_at"])
                return None
            if verdict.outcome == "retry":
                return verdict
            if needs_sign_in(self.config, verdict):
                pause_destination(destination_id=self.config.id, reason=verdict.detail)
                return replace(verdict, outcome="retry")
            problem = verdict
        last_id = 0
        while batch := list_outcomes.next_batch(sync=self.sync, limit=1_000, after_id=last_id):
            last_id = batch[-1].id
            self._record(batch, [problem] * len(batch), [])
        return problem

    def _send(self, batch: list[Entry]) -> list[Verdict]:
        """Send one batch; adds first, then removes, as the connector answers for them."""
        going_in = [entry for entry in batch if entry.is_add]
        ordered = going_in if len(going_in) == len(batch) else [*going_in, *(e for e in batch if not e.is_add)]
        entries = list_entries(ordered)
        adds = len(going_in)
        made: list[Exchange] = []
        conversation = lists.send_batch(
            self.config, self._context(), self._audience(), entries[:adds], entries[adds:], tokens=self.tokens
        )
        outcome = self._converse(conversation, made)
        verdicts: list[Verdict] = outcome if isinstance(outcome, list) else [outcome] * len(ordered)
        if any(needs_sign_in(self.config, verdict) for verdict in distinct(verdicts)):
            # Waits for new credentials, together with the rest of the run.
            verdicts = [
                replace(verdict, outcome="retry") if needs_sign_in(self.config, verdict) else verdict
                for verdict in verdicts
            ]
        self._record(ordered, verdicts, made)
        return verdicts

    def _converse(self, conversation: Generator[Request, Any, Any], made: list[Exchange]) -> Any:
        """What the conversation returns; a Verdict when the connector broke."""
        try:
            request = next(conversation)
            while True:
                seconds = pause_of(request)
                if seconds is not None:
                    time.sleep(max(seconds, WAIT_SECONDS))
                    request = conversation.send(None)
                    continue
                exchange = Exchange(request)
                made.append(exchange)
                self._take_slot()
                try:
                    exchange.result = self.pool.send(request)
                except TransportError as error:
                    exchange.result = error
                    failure = NetworkError(error.detail, code=error.code, is_retryable=error.is_retryable)
                    request = conversation.throw(failure)
                    continue
                request = conversation.send(exchange.result)
        except StopIteration as stop:
            return stop.value
        except Exception as error:
            logger.exception("connector %s failed", self.config.connector)
            return Verdict(outcome="failed", code="INTERNAL", detail=f"The connector failed ({type(error).__name__}).")

    def _take_slot(self) -> None:
        while self.cap is not None and (wait := self.cap.take(wanted=1)) > 0:
            time.sleep(wait)

    def _record(self, batch: list[Entry], verdicts: list[Verdict], made: list[Exchange]) -> None:
        """Have the outcomes written; waits for those of the batch before."""
        result = self._result(batch, verdicts, made)
        self.recorder.collect(timeout=None)
        self.recorder.submit(result)

    def _result(self, batch: list[Entry], verdicts: list[Verdict], made: list[Exchange]) -> BatchResult:
        return BatchResult.of(
            batch,
            verdicts,
            now=self._clock(),
            was_sent=bool(made),
            exchange=exchanges.as_text(made, self.tokens.secret_values),
            duration_ms=exchanges.duration_ms(made),
        )

    def _end(self, error: Verdict | None) -> None:
        with transaction.atomic():
            if error is not None:
                given_up = Verdict(
                    outcome="failed",
                    code=error.code,
                    detail=f"{retries.GAVE_UP} {error.detail}",
                    status=error.status,
                )
                while batch := list_outcomes.expired(sync=self.sync, now=self._clock()):
                    list_outcomes.record(
                        self._result(batch, [given_up] * len(batch), []),
                        sync=self.sync,
                        connection=self.connection,
                        now=self._clock(),
                    )
                list_outcomes.postpone(sync=self.sync, verdict=error, now=self._clock())
            self.sync.refresh_from_db()
            self.sync.state = ListSync.State.FAILED if error is not None else ListSync.State.DONE
            self.sync.error = error.detail if error is not None else ""
            self.sync.finished_at = self._clock()
            self.sync.save(update_fields=["state", "error", "finished_at"])

    def _audience(self) -> Audience:
        return Audience(
            id=self.connection.computation_id,
            key=self.connection.computation_key,
            name=self.connection.computation_name,
            space_id=self.connection.space.public_id,
        )

    def _context(self) -> Context:
        return lists.list_context(
            self.config,
            self._audience(),
            settings=self.connection.settings,
            external_id=self.connection.external_audience_id,
            now=self._clock(),
        )
