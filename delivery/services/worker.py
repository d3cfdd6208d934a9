"""The delivery worker: one loop that serves all destinations with due calls over one libcurl pool.

Each destination is a lane with its own limit of calls in flight, its own cap and its own breaker, so that one that
hangs or fails holds nothing but its own slots. Calls are claimed in blocks, outcomes are written in blocks.
"""

from __future__ import annotations

import gc
import logging
import select
import time
from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.utils import timezone

from common.bell import Bell, bell_of
from common.http import CurlPool
from common.locks import LockClass
from common.tasks import turn, wake_another
from delivery.models import DestinationHealth
from delivery.services import outbox
from delivery.services.breaker import Breaker
from delivery.services.lanes import Lane
from delivery.services.outbox import LEASE
from delivery.services.recorder import Recorder
from delivery.tasks import deliver
from destinations.config import load_config
from destinations.models import Destination

logger = logging.getLogger(__name__)

BLOCK = 500
POOL_CONCURRENCY = 400
LANE_CONCURRENCY = 50
# Outcomes wait this long for company; what is answered but not written would be repeated after a kill. Without company
# to come they are written at once, yet writing takes half of the time at most.
FLUSH_SECONDS = 0.2
FLUSH_REST = 1
LOOK_SECONDS = 0.5
CONFIGURE_SECONDS = 2.0
RENEW_SECONDS = 5.0
# How often the bell may make it look, and for how many times as long as the last look took it may not, with calls at
# hand and without.
RING_SECONDS = 0.01
RING_REST = 5
IDLE_REST = 1


def run_once() -> None:
    """The task's body: deliver until nothing is due or the time of a task is over, then hand over."""
    with turn(deliver, LockClass.DELIVERY_RUN, settings.ENGAGE_DELIVER_RUNS) as held:
        if held is None:
            return

        def hand_over() -> None:
            """The next run begins while this one still waits for answers: one that hangs must not hold up the rest."""
            held.close()
            wake_another(deliver)

        with CurlPool(concurrency=POOL_CONCURRENCY) as pool:
            Worker(pool=pool, on_over=hand_over, bell=bell_of(deliver)).run(seconds=settings.ENGAGE_TASK_SECONDS)


class Worker:
    """`clock` is what due times, leases and horizons are judged by. `on_over` is called once the time is up.

    `bell` rings when new calls were emitted; without it they are found by looking now and then.
    """

    def __init__(
        self,
        *,
        pool: CurlPool,
        clock: Callable[[], datetime] = timezone.now,
        on_over: Callable[[], None] | None = None,
        bell: Bell | None = None,
    ) -> None:
        self._pool = pool
        self._on_over = on_over
        self._bell = bell
        self._rang = False
        self._ring_at = 0.0
        self._clock = clock
        self._recorder = Recorder(clock=clock)
        self._lanes: dict[int, Lane] = {}
        # Destinations with due calls that rest, are paused or are off; asked about again with the changed settings.
        self._passed_over: set[int] = set()
        self._look_at = self._configure_at = self._flushed_at = self._renew_at = 0.0
        self._found_work = False

    def run(self, *, seconds: float) -> bool:
        """Serve for at most `seconds` (answers that are on the way are awaited). True when nothing was left to do."""
        # Each call makes many short-lived objects; without this every collection walks the whole program for them.
        gc.freeze()
        try:
            with outbox.plain_plans():
                return self._run(seconds)
        finally:
            self._recorder.close()
            gc.unfreeze()

    def _run(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        self._renew_at = time.monotonic() + RENEW_SECONDS
        while True:
            started = time.monotonic()
            is_over = started >= deadline
            rang = False
            if is_over:
                self._give_back_all()
                if self._on_over is not None:
                    self._on_over()
                    self._on_over = None
            else:
                rang = self._listen(started)
                self._look(started)
            wait = self._serve(is_over=is_over)
            if rang:
                taken = time.monotonic() - started
                is_busy = any(lane.unsent and lane.has_answered for lane in self._lanes.values())
                self._ring_at = started + max(RING_SECONDS, taken * (RING_REST if is_busy else IDLE_REST))
            self._flush(started)
            self._renew(started)
            if not self._is_idle:
                self._move(wait)
            elif is_over or not self._found_work:
                break
            else:
                self._look_at = 0.0
        for lane in self._lanes.values():
            lane.breaker.write(self._clock(), is_last=True)
        return not is_over

    @property
    def _is_idle(self) -> bool:
        return not self._recorder.is_busy and all(lane.is_idle and not lane.results for lane in self._lanes.values())

    def _listen(self, monotonic: float) -> bool:
        """New calls were emitted: look for them at once, yet leave most of the time to those at hand.

        Those for destinations that are given no more now are no reason to look.
        """
        heard = set() if self._bell is None else self._bell.heard()
        if heard and not self._rang:
            now = self._clock()
            stuck = {one for one, lane in self._lanes.items() if lane.is_stuck(now)}
            self._rang = not heard <= {str(one) for one in stuck | self._passed_over}
        if not self._rang or monotonic < self._ring_at:
            return False
        self._rang = False
        self._look_at = 0.0
        return True

    def _look(self, monotonic: float) -> None:
        """Find destinations with due calls, and now and then take over changed settings."""
        if monotonic >= self._configure_at:
            self._configure_at = monotonic + CONFIGURE_SECONDS
            self._passed_over.clear()
            for destination_id in list(self._lanes):
                self._configure(destination_id)
        if monotonic < self._look_at:
            return
        self._look_at = monotonic + LOOK_SECONDS
        now = self._clock()
        due = outbox.due_destinations(now=now)
        self._found_work = False
        for destination_id in due:
            if destination_id in self._lanes:
                self._lanes[destination_id].claim_at = 0.0
        new = [one for one in due if one not in self._lanes and one not in self._passed_over]
        if not new:
            return
        known = set(
            Destination.objects.filter(pk__in=new, deleted_at=None, is_enabled=True, paused_at=None).values_list(
                "pk", flat=True
            )
        )
        resting = set(
            DestinationHealth.objects.filter(destination_id__in=known, open_until__gt=now).values_list("pk", flat=True)
        )
        for destination_id in new:
            if destination_id in known - resting:
                self._open(destination_id)
        self._passed_over.update(one for one in new if one not in self._lanes)

    def _open(self, destination_id: int) -> None:
        config = load_config(destination_id)
        if config is None or not config.is_enabled:
            return
        breaker = Breaker(destination_id)
        breaker.load()
        self._lanes[destination_id] = Lane(config=config, pool=self._pool, breaker=breaker, clock=self._clock)

    def _configure(self, destination_id: int) -> None:
        lane = self._lanes[destination_id]
        config = load_config(destination_id)
        if config is None or not config.is_enabled:
            self._release(lane)
            if lane.is_idle and not lane.results:
                del self._lanes[destination_id]
            return
        lane.breaker.load()
        lane.configure(config)

    def _serve(self, *, is_over: bool) -> float:
        """Claim and start calls, each lane in its turn; returns how long nothing can be started."""
        share = max(4, min(LANE_CONCURRENCY, POOL_CONCURRENCY // (len(self._lanes) + 1)))
        wait = 0.05
        now = self._clock()
        for lane in self._lanes.values():
            if not is_over:
                self._claim(lane, now)
            slot = lane.pump(now=now, limit=share)
            if slot > 0:
                wait = min(wait, slot)
            if (lane.breaker.is_open(now) or lane.is_refused) and lane.unsent:
                self._release(lane)
        return wait

    def _claim(self, lane: Lane, now: datetime) -> None:
        """Keep about a second of work at hand: a block, or as much as the cap lets go."""
        monotonic = time.monotonic()
        if monotonic < lane.claim_at or lane.is_stuck(now):
            return
        wanted = BLOCK
        if lane.cap is not None:
            wanted = max(1, min(BLOCK, round(lane.cap.per_second)))
        if lane.breaker.is_probing:
            wanted = 1 if lane.is_idle else 0
        if lane.unsent > wanted // 2 or not wanted:
            return
        claimed = outbox.claim(destination_id=lane.config.id, limit=wanted, now=now)
        if not claimed:
            lane.claim_at = monotonic + (
                FLUSH_SECONDS if lane.held or lane.results or self._recorder.is_busy else LOOK_SECONDS
            )
            return
        self._found_work = True
        lane.has_answered = False
        aside = lane.accept(claimed, held_until=now + LEASE)
        if aside:
            outbox.hold(aside)

    def _move(self, wait: float) -> None:
        if self._rang:
            wait = min(wait, max(0.0, self._ring_at - time.monotonic()))
        if self._recorder.is_busy or any(lane.results for lane in self._lanes.values()):
            wait = min(wait, RING_SECONDS)
        bell = None if self._bell is None else self._bell.fileno()
        if self._pool.in_flight:
            self._pool.perform(wait, bell=bell)
        elif self._recorder.is_busy:
            self._collect(timeout=wait)
        else:
            select.select([] if bell is None else [bell], [], [], wait)

    def _flush(self, monotonic: float) -> None:
        """Have outcomes written: a full block at once, fewer when no more are to be expected or after FLUSH_SECONDS."""
        waiting = sum(len(lane.results) for lane in self._lanes.values())
        # A database that cannot follow holds the calls back.
        is_free = self._collect(timeout=None if waiting >= 2 * BLOCK else 0.0)
        if not waiting or not is_free or (waiting < BLOCK and self._pool.in_flight and monotonic < self._write_at):
            return
        self._flushed_at = monotonic
        results = [result for lane in self._lanes.values() for result in lane.results]
        for lane in self._lanes.values():
            lane.results.clear()
        # Up to two blocks go together: what is left over would cost nearly as much as a block.
        for start in range(0, len(results), 2 * BLOCK):
            self._collect(timeout=None)
            self._recorder.submit(results[start : start + 2 * BLOCK])
        if not self._recorder.is_busy:
            self._claim_followers()
        for lane in self._lanes.values():
            lane.breaker.write(self._clock())

    @property
    def _write_at(self) -> float:
        """When the outcomes at hand are written. One that answers nothing is no company to wait for."""
        if any(lane.results and lane.in_flight for lane in self._lanes.values()):
            return self._flushed_at + FLUSH_SECONDS
        return self._flushed_at + min(FLUSH_SECONDS, self._recorder.seconds * FLUSH_REST)

    def _collect(self, *, timeout: float | None) -> bool:
        """Whether no block is being written."""
        if not self._recorder.is_busy:
            return True
        is_free = self._recorder.collect(timeout=timeout)
        if is_free:
            self._claim_followers()
        return is_free

    def _claim_followers(self) -> None:
        """What was written down frees the next calls of the same profiles: look again, and do not end before."""
        self._found_work = True
        for lane in self._lanes.values():
            lane.claim_at = 0.0

    def _renew(self, monotonic: float) -> None:
        """Hold on to calls that wait longer than a part of their lease."""
        if monotonic < self._renew_at:
            return
        self._renew_at = monotonic + RENEW_SECONDS
        now = self._clock()
        for lane in self._lanes.values():
            old = [item for item in lane.held.values() if item.held_until - now < LEASE / 2]
            if old:
                outbox.renew([item.claimed for item in old], now=now)
                for item in old:
                    item.held_until = now + LEASE

    def _release(self, lane: Lane) -> None:
        back = lane.give_back()
        if back:
            outbox.release(back)

    def _give_back_all(self) -> None:
        for lane in self._lanes.values():
            self._release(lane)
