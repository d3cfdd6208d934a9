"""When a failed call is tried again (delivery-and-observability.md §4)."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

HORIZON = timedelta(hours=4)
BASE_SECONDS = 1.0
LONGEST_SECONDS = 600.0
GAVE_UP = "It was tried for 4 hours without success."


def next_attempt(
    *,
    now: datetime,
    attempts: int,
    first_attempt_at: datetime,
    retry_after: float | None = None,
    jitter: float | None = None,
) -> datetime | None:
    """The time of the next try, or None when the 4 hours since the first one are over.

    Exponential with full jitter: a random share (`jitter`, 0 to 1) of 1, 2, 4 … seconds, at most 10 minutes, after
    the 1st, 2nd, 3rd … attempt. A longer wait that the destination asked for is kept.
    """
    ceiling = min(LONGEST_SECONDS, BASE_SECONDS * 2 ** min(attempts - 1, 20))
    share = random.random() if jitter is None else jitter  # noqa: S311 - spreads load, guards nothing
    delay = ceiling * share
    if retry_after is not None:
        delay = max(delay, retry_after)
    at = now + timedelta(seconds=delay)
    return at if at <= first_attempt_at + HORIZON else None
