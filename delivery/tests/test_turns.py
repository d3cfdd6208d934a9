"""Bounded runs: a wake-up that finds all runs busy is not lost when they end."""

from __future__ import annotations

import select
import time

import pytest
from django.core.cache import cache
from django.db import connection

from common.bell import Bell, bell_of, ring
from common.locks import LockClass
from common.tasks import turn, wake
from delivery.tasks import deliver, sync_lists

pytestmark = pytest.mark.django_db

KIND = LockClass.DELIVERY_RUN


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    sent: list[str] = []
    cache.clear()
    monkeypatch.setattr(sync_lists, "apply_async", lambda **_: None)
    monkeypatch.setattr(deliver, "apply_async", lambda **_: sent.append("deliver"))
    return sent


@pytest.fixture
def bell() -> Bell:
    """A bell of its own, which listens and has told all it heard; that of the process may ring for earlier work."""
    own = bell_of.__wrapped__(deliver)
    said: set[str] = set()
    for _ in range(100):  # the subscription takes a moment
        ring(deliver, ["listens"])
        if said := heard(own, 0.1):
            break
    ring(deliver, ["listens well"])
    while "listens well" not in said:
        said = heard(own)
        assert said, "The bell fell silent."
    return own


def heard(bell: Bell, seconds: float = 10.0) -> set[str]:
    """What the next ring within these seconds says; nothing when there is none."""
    return bell.heard() if select.select([bell], [], [], seconds)[0] else set()


class Elsewhere:
    """A run of another process, which holds the only slot."""

    def __init__(self) -> None:
        self._session = connection.copy()
        self._call("SELECT pg_advisory_lock(%s, 0)")

    def end(self) -> None:
        self._call("SELECT pg_advisory_unlock(%s, 0)")
        self._session.close()

    def _call(self, sql: str) -> None:
        with self._session.cursor() as cursor:
            cursor.execute(sql, [int(KIND)])


def test_a_run_that_ends_wakes_another_for_the_wake_up_that_found_no_room(woken: list[str]) -> None:
    with turn(deliver, KIND, 1):
        pass
    assert woken == []

    busy = Elsewhere()
    with turn(deliver, KIND, 1) as held:
        assert held is None
    assert woken == []
    busy.end()

    with turn(deliver, KIND, 1) as held:
        assert held is not None
    assert woken == ["deliver"]
    with turn(deliver, KIND, 1):
        pass
    assert woken == ["deliver"]


def test_a_turn_given_back_early_makes_room_for_the_next_run(woken: list[str]) -> None:
    with turn(deliver, KIND, 1) as held:
        assert held is not None
        held.close()
        next_run = Elsewhere()
        next_run.end()
    assert woken == []


def test_a_wake_up_after_the_start_of_a_run_is_sent(woken: list[str]) -> None:
    wake(deliver)
    wake(deliver)
    assert woken == ["deliver"]
    with turn(deliver, KIND, 1):
        wake(deliver)
    assert woken == ["deliver", "deliver"]


def test_the_bell_of_a_run_rings_when_its_task_is_woken(woken: list[str], bell: Bell) -> None:
    wake(deliver)
    assert heard(bell) == {""}
    wake(sync_lists)
    assert heard(bell, 0.2) == set()


def test_what_a_bell_is_rung_for_is_heard_together(bell: Bell) -> None:
    ring(deliver, ["12", "7"])
    ring(deliver, ["7", "9"])
    time.sleep(0.5)

    assert bell.heard() == {"12", "7", "9"}
    assert bell.heard() == set()


def test_an_empty_sweep_leaves_no_lock_behind(woken: list[str]) -> None:
    with turn(deliver, KIND, 2):
        pass
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
        assert cursor.fetchone() == (0,)
