from __future__ import annotations

import threading
from contextlib import closing
from typing import Any

import msgspec
import pytest

from delivery.services.list_entries import batches, list_entries
from delivery.services.list_outcomes import Entry


def entry(number: int, payload: dict[str, Any]) -> Entry:
    return Entry(
        id=number,
        id_type="email",
        id_value=f"{number}@example.org",
        is_add=True,
        message_id=f"personas_{number}",
        payload=msgspec.json.encode(payload).decode(),
        attempts=0,
        first_attempt_at=None,
    )


class Reading:
    """Five entries, two at a time; notes which thread read what came after which entry."""

    def __init__(self) -> None:
        self.entries = [entry(number, {}) for number in range(1, 6)]
        self.asked: list[tuple[int, str]] = []

    def __call__(self, after_id: int) -> list[Entry]:
        self.asked.append((after_id, threading.current_thread().name.partition("_")[0]))
        return [one for one in self.entries if one.id > after_id][:2]


def test_what_neighbours_have_in_common_is_held_once() -> None:
    payload = {"type": "identify", "context": {"personas": {"computation_key": "vip"}}, "integrations": {"All": False}}

    first, second = list_entries([entry(1, payload | {"userId": "a"}), entry(2, payload | {"userId": "b"})])

    assert first.event == payload | {"userId": "a"}
    assert second.event == payload | {"userId": "b"}
    assert first.event["context"] is second.event["context"]
    assert first.event["integrations"] is second.event["integrations"]


def test_values_that_python_takes_for_equal_stay_apart() -> None:
    given = [{"context": {"limit": limit}} for limit in (True, 1, 1.0)] + [{"userId": "a"}, {"context": None}]

    entries = list_entries([entry(number, payload) for number, payload in enumerate(given)])

    assert [repr(one.event) for one in entries] == [repr(payload) for payload in given]


@pytest.mark.django_db(transaction=True)
def test_the_next_batch_is_read_while_one_is_sent() -> None:
    reading = Reading()

    with closing(batches(reading, size=2)) as found:
        ids = [[one.id for one in batch] for batch in found]

    assert ids == [[1, 2], [3, 4], [5]]
    assert reading.asked == [(0, "MainThread"), (2, "entries"), (4, "entries"), (5, "MainThread")]


@pytest.mark.django_db
def test_inside_a_transaction_batches_are_read_as_they_are_asked_for() -> None:
    reading = Reading()

    with closing(batches(reading, size=2)) as found:
        ids = [[one.id for one in batch] for batch in found]

    assert ids == [[1, 2], [3, 4], [5]]
    assert {name for _after_id, name in reading.asked} == {"MainThread"}


@pytest.mark.django_db(transaction=True)
def test_what_reading_ahead_ran_into_is_raised_where_the_batch_is_asked_for() -> None:
    def read(after_id: int) -> list[Entry]:
        if after_id:
            raise ValueError("unreadable")
        return [entry(1, {})]

    with closing(batches(read, size=1)) as found:
        assert [one.id for one in next(found)] == [1]

        with pytest.raises(ValueError, match="unreadable"):
            next(found)


def test_a_member_further_inside_is_not_taken_for_the_events_own() -> None:
    common = {"personas": {"computation_key": "vip"}}
    both = {"context": common, "integrations": {"All": False}}
    inside: list[dict[str, Any]] = [
        {"context": common},
        {"traits": both, "context": {"page": 1}},
        {"traits": both},
        {"traits": both, "context": common},
        {"context": common, "traits": both},
        {"context": 1},
    ]
    given: list[dict[str, Any]] = [
        {"context": common},
        {"traits": {"context": common}, "context": {"page": 1}},
        {"traits": {"context": common}},
        {"traits": {"note": '"context":{"personas":{"computation_key":"vip"}}'}, "context": common},
        {"context": common, "traits": {"context": common}},
        {"context": 1},
        {"context": 12},
        {"integrations": True},
        *(
            {**one, "integrations": routed} if "context" in one else one
            for routed in ({"All": False}, {"All": False}, {"All": True})
            for one in inside
        ),
    ]

    entries = list_entries([entry(number, payload) for number, payload in enumerate(given)])

    assert [one.event for one in entries] == given


def test_members_keep_their_order() -> None:
    shared = {"context": {"page": 1}, "integrations": {"All": False}}
    given = [{"type": "identify", **shared, "messageId": str(number)} for number in range(3)]

    entries = list_entries([entry(number, payload) for number, payload in enumerate(given)])

    assert [list(one.event) for one in entries] == [list(payload) for payload in given]
    assert len({id(one.event["integrations"]) for one in entries}) == 1
