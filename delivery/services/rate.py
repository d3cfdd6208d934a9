"""Rate caps shared by all workers: a GCRA per cap in Valkey that hands out send times in blocks.

A cap of N calls a second is kept by spacing calls (1 + 10 %)/N apart: no window of a second can hold more than N, and
the margin absorbs delays of up to a tenth of a second on the way. A slot that was missed by more than TOLERANCE is
given up, never caught up.
"""

from __future__ import annotations

import math
import time

import redis
from django.conf import settings

from common import valkey
from destinations.config import DestinationConfig

MARGIN = 1.1
HORIZON_SECONDS = 1.0
TOLERANCE_SECONDS = 0.02
# A block covers this much time: long enough to ask rarely, short enough to waste little when a worker stops.
BLOCK_SECONDS = 0.1
# A cap so high that the waiting calls would use up less time than this is asked for more at once.
LEAST_SECONDS = 0.02
RETRY_SECONDS = 1.0

# KEYS[1]: the cap. ARGV: spacing and horizon (microseconds), slots wanted. Returns {wait until the first, slots}.
# A cap without a record may have been used up just now (the server was flushed), so it counts as reserved in full.
RESERVE = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local spacing, horizon, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local free = tonumber(redis.call('GET', KEYS[1]) or now + horizon)
if free < now then free = now end
local room = math.floor((now + horizon - free) / spacing) + 1
if room < 1 then return {free - now - horizon, 0} end
local slots = math.min(room, wanted)
redis.call('SET', KEYS[1], string.format('%.0f', free + slots * spacing), 'EX', 86400)
return {free - now, slots}
"""


def cap_key(*, space_id: int, connector: str, destination_id: int | None) -> str:
    """The cap is shared by a space's destinations of one connector, or a destination's own (F119, F120)."""
    database = settings.DATABASES["default"]["NAME"]
    if destination_id is not None:
        return f"rate:{database}:destination:{destination_id}"
    return f"rate:{database}:{space_id}:{connector}"


def cap_for(config: DestinationConfig) -> Cap | None:
    """The cap that the calls of a destination share; None when it has none."""
    rate = config.requests_per_second
    if rate is None:
        return None
    is_own = config.definition is None or rate != config.definition.requests_per_second
    key = cap_key(space_id=config.space_id, connector=config.connector, destination_id=config.id if is_own else None)
    return Cap(key=key, per_second=rate)


class Cap:
    """This worker's share of one cap. Times are `time.monotonic()`."""

    def __init__(self, *, key: str, per_second: float, client: redis.Redis | None = None) -> None:
        self.key = key
        self.per_second = per_second
        self._spacing = math.ceil(MARGIN / per_second * 1_000_000)
        self._client = client or valkey.client()
        self._reserve = self._client.register_script(RESERVE)
        # The next slot of the block at hand, and how many it has.
        self._next = 0.0
        self._left = 0
        self._not_before = 0.0

    def take(self, *, wanted: int) -> float:
        """0 when one call may go now; otherwise the seconds to wait. Never lets one go when Valkey does not answer.

        `wanted` is how many calls are waiting: hardly more slots than that are reserved (LEAST_SECONDS).
        """
        now = time.monotonic()
        self._give_up_missed(now)
        if not self._left:
            if now < self._not_before:
                return self._not_before - now
            self._refill(wanted)
            now = time.monotonic()
            if not self._left:
                return max(self._not_before - now, 0.001)
        wait = self._next - now
        if wait > 0:
            return wait
        self._left -= 1
        self._next += self._spacing / 1_000_000
        return 0.0

    def _give_up_missed(self, now: float) -> None:
        late = now - TOLERANCE_SECONDS - self._next
        if self._left and late > 0:
            missed = min(self._left, math.ceil(late * 1_000_000 / self._spacing))
            self._left -= missed
            self._next += missed * self._spacing / 1_000_000

    def _refill(self, wanted: int) -> None:
        most, least = (round(self.per_second * seconds) for seconds in (BLOCK_SECONDS, LEAST_SECONDS))
        block = max(1, min(most, max(least, wanted)))
        try:
            wait, slots = self._reserve(keys=[self.key], args=[self._spacing, int(HORIZON_SECONDS * 1_000_000), block])
        except redis.RedisError:
            self._not_before = time.monotonic() + RETRY_SECONDS
            return
        now = time.monotonic()
        if not slots:
            self._not_before = now + max(wait / 1_000_000, 0.001)
            return
        self._next = now + wait / 1_000_000
        self._left = slots
