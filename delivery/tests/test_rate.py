from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import pytest
import redis
from django.conf import settings
from rest_framework.test import APIClient

from delivery.services.rate import Cap, cap_for, cap_key
from delivery.tests.builders import make_destination
from destinations.config import load_config
from destinations.models import Destination
from spaces.models import Space, User


def client() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL)


def cap_of(destination: Destination) -> tuple[str, float]:
    config = load_config(destination.pk)
    assert config is not None
    cap = cap_for(config)
    assert cap is not None
    return cap.key, cap.per_second


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


def test_high_cap_is_asked_for_rarely() -> None:
    own = client()
    key = f"test:{uuid.uuid4()}"
    own.set(key, 0)
    cap = Cap(key=key, per_second=100_000, client=own)

    waits = [cap.take(wanted=1) for _ in range(200)]

    stored = own.get(key)
    seconds, micros = own.time()
    assert sum(1 for wait in waits if wait == 0.0) > 0
    assert isinstance(stored, bytes)
    # Reserved 20 ms of slots, no matter how few calls wait; twice when the first were over before all asked.
    assert int(stored) - (seconds * 1_000_000 + micros) <= 44_000


def test_missed_slots_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = 1000.0
    monkeypatch.setattr("delivery.services.rate.time.monotonic", lambda: moment)
    key = f"test:{uuid.uuid4()}"
    own = client()
    own.set(key, 0)
    cap = Cap(key=key, per_second=100, client=own)

    assert cap.take(wanted=10) == 0.0
    # The slots at 11, 22, 33 … ms: after 60 ms the first three are late by more than 20 ms.
    moment = 1000.06
    taken = 0
    while cap._left and cap.take(wanted=10) == 0.0:
        taken += 1

    assert taken == 2


def test_an_admin_raises_the_cap_of_one_instance(
    space: Space, admin: User, editor: User, api_for: Callable[..., APIClient]
) -> None:
    """F120: that instance alone has the higher cap; the others go on sharing the connector's."""
    raised, *others = (make_destination(space=space, connector="salesforce") for _ in range(3))
    address = f"/api/v1/spaces/{space.slug}/destinations/{raised.public_id}/"

    refused = api_for(editor, space).patch(address, {"requests_per_second": 40}, format="json")
    before = [cap_of(one) for one in (raised, *others)]
    answer = api_for(admin, space).patch(address, {"requests_per_second": 40}, format="json")
    after = [cap_of(one) for one in (raised, *others)]

    shared = cap_key(space_id=space.pk, connector="salesforce", destination_id=None)
    own = cap_key(space_id=space.pk, connector="salesforce", destination_id=raised.pk)
    assert (refused.status_code, answer.status_code) == (403, 200)
    assert before == [(shared, 5)] * 3
    assert after == [(own, 40), (shared, 5), (shared, 5)]
