"""One destination as a worker sees it: what it holds, what is on the way, and how many more may go."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Hashable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

from common.http import CurlPool, Response, TransportError
from delivery.models import Connection, Outcome
from delivery.services import exchanges, retries
from delivery.services.breaker import Breaker
from delivery.services.connections import REMOVED, REMOVED_DETAIL
from delivery.services.exchanges import Exchange
from delivery.services.outbox import Claimed
from delivery.services.outcomes import Result
from delivery.services.rate import Cap, cap_for
from destinations.config import DestinationConfig
from destinations.kit.conversation import pause_of
from destinations.kit.errors import NetworkError
from destinations.kit.http import Request
from destinations.kit.verdicts import Verdict
from destinations.pipeline import Call, Failed, Filtered, plan, run_batch
from destinations.services.tokens import StoredTokens, needs_sign_in, pause_destination

logger = logging.getLogger(__name__)

DELIVERED, FAILED = str(Outcome.DELIVERED), str(Outcome.FAILED)
_UNDONE = frozenset({"retry", "failed"})
INTERNAL_DETAIL = "The connector failed in a way it was not made for ({error}). This is a fault of the installation."


@dataclass(slots=True)
class Item:
    """A claimed call on its way: the calls its mappings make, one after the other, and what came of them."""

    claimed: Claimed
    held_until: datetime
    calls: tuple[Call, ...] = ()
    position: int = 0
    done: list[str] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)


@dataclass(slots=True)
class Job:
    """One conversation with the destination, for one item or for a batch of them."""

    items: list[Item]
    calls: list[Call]
    conversation: Generator[Request, Any, Any] | None = None
    exchanges: list[Exchange] = field(default_factory=list)
    size: int = 0


class Lane:
    """The work at one destination. Finished attempts collect in `results`; the worker writes them down."""

    def __init__(
        self, *, config: DestinationConfig, pool: CurlPool, breaker: Breaker, clock: Callable[[], datetime]
    ) -> None:
        self.pool = pool
        self.clock = clock
        self.breaker = breaker
        self.queue: deque[Item] = deque()
        self.ready: deque[Job] = deque()
        self.batches: dict[Hashable, Job] = {}
        self.held: dict[int, Item] = {}
        # Begun, and waiting: for somebody else to sign in, for the end of a pause (until when), or with their next
        # request for a slot of the cap.
        self.stalled: list[Job] = []
        self.pausing: list[tuple[datetime, Job]] = []
        self.paced: deque[tuple[Job, Request]] = deque()
        self.in_flight = 0
        self.results: list[Result] = []
        self.claim_at = 0.0
        # Whether anything was answered since calls were last claimed.
        self.has_answered = True
        self.paused: set[int] = set()
        self.removed: set[int] = set()
        self.cap: Cap | None = None
        self.config = config
        self.tokens = StoredTokens(config)
        self.is_refused = False
        self.configure(config)

    def configure(self, config: DestinationConfig) -> None:
        """Take over changed settings, mappings, cap, and which connections send."""
        if config is not self.config:
            self.config = config
            self.tokens = StoredTokens(config)
            self.is_refused = False
        cap = cap_for(config)
        if cap is None or self.cap is None or (cap.key, cap.per_second) != (self.cap.key, self.cap.per_second):
            self.cap = cap
        rows = Connection.objects.filter(destination_id=config.id).values_list("pk", "is_enabled", "removed_at")
        self.removed = {pk for pk, _enabled, removed_at in rows if removed_at is not None}
        self.paused = {pk for pk, enabled, removed_at in rows if removed_at is None and not enabled}

    @property
    def is_idle(self) -> bool:
        return not self.held

    @property
    def unsent(self) -> int:
        """How many claimed calls have not begun."""
        return len(self.queue) + len(self.ready) + sum(len(job.items) for job in self.batches.values())

    def is_stuck(self, now: datetime) -> bool:
        """Whether it is to be given no more: it may not be sent to, or what it has waits and nothing is answered."""
        if self.breaker.is_open(now) or self.is_refused or not self.config.is_enabled:
            return True
        return self.unsent > 0 and not self.has_answered

    def accept(self, claimed: list[Claimed], *, held_until: datetime) -> list[Claimed]:
        """Take claimed calls; returns those of paused connections, which are to be put aside."""
        aside: list[Claimed] = []
        for one in claimed:
            if one.connection_id in self.removed:
                self.results.append(
                    Result(
                        call=one,
                        outcome=Outcome.SUPERSEDED,
                        attempts=one.attempts,
                        reason=REMOVED,
                        detail=REMOVED_DETAIL,
                    )
                )
            elif one.connection_id in self.paused:
                aside.append(one)
            else:
                item = Item(claimed=one, held_until=held_until)
                self.held[one.id] = item
                self.queue.append(item)
        return aside

    def pump(self, *, now: datetime, limit: int) -> float:
        """Start what may start; returns the seconds until the next slot of the cap (0: no wait is known)."""
        wait = self._go_on_waiting(now)
        if wait > 0:
            return wait
        if self.is_refused or (self.breaker.is_open(now) and not self.ready):
            return 0.0
        if self.breaker.is_probing:
            limit = 1
        while self.in_flight < limit:
            while not self.ready and self.queue:
                self._prepare(self.queue.popleft(), now)
            if not self.ready and self.batches:
                self.ready.extend(self.batches.values())
                self.batches.clear()
            if not self.ready:
                return 0.0
            if self.cap is not None:
                wait = self.cap.take(wanted=len(self.ready) + len(self.queue))
                if wait > 0:
                    return wait
            self._start(self.ready.popleft(), now)
        return 0.0

    def _go_on_waiting(self, now: datetime) -> float:
        """Ask again for those that wait for a token or whose pause is over, send what waits for a slot of the cap."""
        rested = [job for until, job in self.pausing if until <= now]
        self.pausing = [(until, job) for until, job in self.pausing if until > now]
        stalled, self.stalled = self.stalled, []
        for job in [*stalled, *rested]:
            self._go_on(job, None, now)
        while self.paced:
            wait = self.cap.take(wanted=len(self.paced)) if self.cap is not None else 0.0
            if wait > 0:
                return wait
            self._send(*self.paced.popleft())
        return 0.05 if self.stalled else 0.0

    def give_back(self) -> list[Claimed]:
        """Everything that has not begun, for release."""
        items = [*self.queue, *(item for job in [*self.ready, *self.batches.values()] for item in job.items)]
        # An item whose earlier mapping was served is in the middle of its attempt: it has to be finished.
        begun = [item for item in items if item.position or item.verdicts]
        self.queue.clear()
        self.ready.clear()
        self.batches.clear()
        for item in begun:
            self._put(item, item.calls[item.position])
        back = [item for item in items if not (item.position or item.verdicts)]
        for item in back:
            self.held.pop(item.claimed.id, None)
        return [item.claimed for item in back]

    def _prepare(self, item: Item, now: datetime) -> None:
        try:
            event = msgspec.json.decode(item.claimed.payload)
            planned = plan(self.config, event, now=now, is_retry=item.claimed.first_attempt_at is not None)
        except Exception as error:  # noqa: BLE001 - one call must not take the others with it
            self._internal(item, error, now)
            return
        if isinstance(planned.outcome, Filtered):
            self._finish(item, Outcome.FILTERED, planned.outcome.code, planned.outcome.sentence)
        elif isinstance(planned.outcome, Failed):
            self._finish(item, Outcome.FAILED, planned.outcome.code, planned.outcome.sentence)
        else:
            item.calls = planned.calls
            if item.claimed.done:
                item.done = msgspec.json.decode(item.claimed.done)
                item.calls = tuple(call for call in planned.calls if call.mapping_id not in item.done)
            self._next(item, now)

    def _next(self, item: Item, now: datetime) -> None:
        """Go on with the next call of an item, or judge it when all had their turn."""
        if item.position == len(item.calls):
            self._judge(item, now)
            return
        self._put(item, item.calls[item.position])

    def _put(self, item: Item, call: Call) -> None:
        key = call.batch_key
        if key is None:
            self.ready.append(Job([item], [call]))
            return
        size = call.payload_bytes
        job = self.batches.get(key)
        if job is not None and job.size + size > call.batch_bytes:
            self.ready.append(self.batches.pop(key))
            job = None
        if job is None:
            job = self.batches[key] = Job([], [])
        job.items.append(item)
        job.calls.append(call)
        job.size += size
        if len(job.items) >= call.batch_size:
            self.ready.append(self.batches.pop(key))

    def _start(self, job: Job, now: datetime) -> None:
        self.in_flight += 1
        first = job.calls[0]
        job.conversation = first.run(self.tokens) if first.batch_key is None else run_batch(job.calls, self.tokens)
        self._go_on(job, None, now)

    def _go_on(self, job: Job, result: Response | NetworkError | None, now: datetime) -> None:
        conversation = job.conversation
        assert conversation is not None
        try:
            request = conversation.throw(result) if isinstance(result, NetworkError) else conversation.send(result)
        except StopIteration as stop:
            verdicts = stop.value if isinstance(stop.value, list) else [stop.value]
            self._end(job, verdicts, now)
            return
        except Exception as error:
            logger.exception("connector %s failed", self.config.connector)
            verdict = Verdict(outcome="failed", code="INTERNAL", detail=_internal_detail(error))
            self._end(job, [verdict] * len(job.items), now)
            return
        seconds = pause_of(request)
        if seconds:
            self.pausing.append((now + timedelta(seconds=seconds), job))
        elif seconds is not None:
            self.stalled.append(job)
        elif job.exchanges and self.cap is not None and self._counts_requests:
            self.paced.append((job, request))
        else:
            self._send(job, request)

    @property
    def _counts_requests(self) -> bool:
        return self.config.definition is None or self.config.definition.cap_counts == "requests"

    def _send(self, job: Job, request: Request) -> None:
        exchange = Exchange(request)
        job.exchanges.append(exchange)
        self.pool.add(request, lambda answer: self._answered(job, exchange, answer))

    def _answered(self, job: Job, exchange: Exchange, answer: Response | TransportError) -> None:
        exchange.result = answer
        self.has_answered = True
        now = self.clock()
        if isinstance(answer, Response):
            self._go_on(job, answer, now)
            return
        failure = NetworkError(answer.detail, code=answer.code, is_retryable=answer.is_retryable)
        self._go_on(job, failure, now)

    def _end(self, job: Job, verdicts: list[Verdict], now: datetime) -> None:
        self.in_flight -= 1
        refused = next((verdict for verdict in verdicts if needs_sign_in(self.config, verdict)), None)
        if refused is not None:
            verdicts = self._pause(verdicts, refused)
        for item, call, verdict in zip(job.items, job.calls, verdicts, strict=True):
            item.verdicts.append(verdict)
            item.exchanges += job.exchanges
            item.position += 1
            if verdict.outcome == "delivered":
                item.done.append(call.mapping_id)
            self._next(item, now)
        if refused is not None:
            return
        if any(verdict.outcome == "retry" for verdict in verdicts):
            worst = next(verdict for verdict in verdicts if verdict.outcome == "retry")
            self.breaker.failed(now, worst.detail)
        elif job.exchanges:
            self.breaker.succeeded(now)

    def _pause(self, verdicts: list[Verdict], refused: Verdict) -> list[Verdict]:
        """The tool does not let us in any more: no call is lost, all wait until somebody gives new credentials."""
        if not self.is_refused:
            self.is_refused = True
            pause_destination(destination_id=self.config.id, reason=refused.detail)
        return [
            replace(verdict, outcome="retry") if needs_sign_in(self.config, verdict) else verdict
            for verdict in verdicts
        ]

    def _judge(self, item: Item, now: datetime) -> None:
        """All calls of an attempt are over: delivered, to be tried again, or failed."""
        said = {verdict.outcome for verdict in item.verdicts}
        if said == {"filtered"} and not item.done:
            self._finish(item, Outcome.FILTERED, item.verdicts[0].code, item.verdicts[0].detail)
            return
        if said.isdisjoint(_UNDONE):
            self._finish(
                item, Outcome.DELIVERED, None, None, status=item.verdicts[-1].status if item.verdicts else None
            )
            return
        retry = next((verdict for verdict in item.verdicts if verdict.outcome == "retry"), None)
        failed = next((verdict for verdict in item.verdicts if verdict.outcome == "failed"), None)
        if retry is None:
            assert failed is not None
            self._finish(item, Outcome.FAILED, failed.code, failed.detail, status=failed.status)
            return
        first = item.claimed.first_attempt_at or now
        attempts = item.claimed.attempts + 1
        asked = max((verdict.retry_after or 0.0 for verdict in item.verdicts), default=0.0) or None
        at = retries.next_attempt(now=now, attempts=attempts, first_attempt_at=first, retry_after=asked)
        if at is None:
            detail = f"{retries.GAVE_UP} {retry.detail}"
            self._finish(item, Outcome.FAILED, retry.code, detail, status=retry.status)
            return
        self.held.pop(item.claimed.id, None)
        self.results.append(
            Result(
                call=item.claimed,
                outcome=None,
                attempts=attempts,
                reason=retry.code,
                detail=_clean(retry.detail),
                status=retry.status,
                duration_ms=exchanges.duration_ms(item.exchanges),
                exchange=exchanges.as_text(item.exchanges, self.tokens.secret_values),
                first_attempt_at=first,
                next_attempt_at=at,
                done=msgspec.json.encode(item.done).decode() if item.done else None,
            )
        )

    def _internal(self, item: Item, error: Exception, now: datetime) -> None:
        logger.exception("delivery %s could not be planned", item.claimed.id)
        self._finish(item, Outcome.FAILED, "INTERNAL", _internal_detail(error))

    def _finish(
        self, item: Item, outcome: Outcome, reason: str | None, detail: str | None, *, status: int | None = None
    ) -> None:
        self.held.pop(item.claimed.id, None)
        sent = bool(item.exchanges)
        self.results.append(
            Result(
                call=item.claimed,
                outcome=outcome,
                attempts=item.claimed.attempts + (1 if sent else 0),
                reason=reason,
                detail=_clean(detail),
                status=status,
                duration_ms=exchanges.duration_ms(item.exchanges),
                exchange=exchanges.as_text(item.exchanges, self.tokens.secret_values),
                mappings=_by_mapping(item),
            )
        )


def _by_mapping(item: Item) -> str | None:
    """What each mapping made of the call, as JSON; None where no mapping took part."""
    found = {mapping_id: DELIVERED for mapping_id in item.done if mapping_id}
    for call, verdict in zip(item.calls, item.verdicts, strict=False):
        if verdict.outcome not in {"delivered", "filtered"} and call.mapping_id:
            found[call.mapping_id] = verdict.code or FAILED
    return _object_text(tuple(found.items())) if found else None


@lru_cache(maxsize=1024)
def _object_text(members: tuple[tuple[str, str], ...]) -> str:
    return msgspec.json.encode(dict(members)).decode()


def _clean(text: str | None) -> str | None:
    """PostgreSQL takes no NUL characters."""
    return text.replace("\x00", "\ufffd") if text else text


def _internal_detail(error: Exception) -> str:
    return INTERNAL_DETAIL.format(error=type(error).__name__)
