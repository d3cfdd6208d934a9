from __future__ import annotations

import time
import uuid

import redis
from django.conf import settings

from delivery.services.rate import Cap


def client() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL)


def test_two_holders_never_take_more_than_the_cap() -> None:
    key = f"test:{uuid.uuid4()}"
    caps = [Cap(key=key, per_second=50, client=client()) for _ in range(2)]
    taken: list[float] = []

    deadline = time.monotonic() + 3.5
    while time.monotonic() < deadline:
        for cap in caps:
            if cap.take(wanted=10) == 0.0:
                taken.append(time.monotonic())
        time.sleep(0.001)

    windows = [sum(1 for other in taken if at <= other < at + 1.0) for at in taken]
    assert max(windows) <= 50
    assert len(taken) > 25


def test_unknown_cap_counts_as_used_up() -> None:
    cap = Cap(key=f"test:{uuid.uuid4()}", per_second=10, client=client())

    wait = cap.take(wanted=5)

    assert 0.5 < wait <= 1.0


def test_nothing_goes_while_valkey_is_away() -> None:
    away = redis.Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2)
    cap = Cap(key="test:away", per_second=10, client=away)

    waits = [cap.take(wanted=1) for _ in range(3)]

    assert all(wait > 0 for wait in waits)
