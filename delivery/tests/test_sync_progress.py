"""The progress of first syncs (F121)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from delivery.models import Connection, FirstSync, ListSync
from delivery.selectors.books import Books
from delivery.selectors.sync_progress import SyncProgress, sync_progress
from delivery.services import lists
from delivery.tests.builders import make_connection, make_destination
from spaces.models import Space, User


def begun(connection: Connection, *, done: int = 100, total: int = 1_000, state: str = "running") -> FirstSync:
    return FirstSync.objects.create(connection=connection, state=state, profiles_done=done, profiles_total=total)


def test_the_rest_is_estimated_at_the_cap(space: Space) -> None:
    """F121: 900 people are not queued yet, two calls each, and 150 calls wait; the cap is 50 a second."""
    connection = make_connection(space=space, destination=make_destination(space=space, requests_per_second=50))

    found = sync_progress(connection, begun(connection), Books(emitted=200, delivered=50, waiting=140, in_flight=10))

    assert found == SyncProgress(
        people_done=100, people_total=1_000, calls_done=50, calls_total=2_000, seconds_left=39.0
    )
    assert found.percent == 2


def test_without_a_cap_the_pace_so_far_tells(space: Space) -> None:
    connection = make_connection(space=space)
    run = begun(connection, done=1_000, state="done")

    found = sync_progress(
        connection, run, Books(emitted=1_000, delivered=400, waiting=600), now=run.created_at + timedelta(seconds=20)
    )
    early = sync_progress(connection, run, Books(emitted=1_000, waiting=1_000), now=run.created_at)

    assert found is not None
    assert early is not None
    assert (found.seconds_left, early.seconds_left) == (30.0, None)


def test_a_list_takes_as_long_as_its_batches(space: Space) -> None:
    destination = make_destination(space=space, connector="webhook_list", requests_per_second=2)
    connection = make_connection(space=space, destination=destination)

    found = sync_progress(connection, begun(connection, done=5_000, total=5_000), Books(emitted=5_000, waiting=5_000))

    assert found is not None
    assert found.seconds_left == 2.5


@pytest.mark.parametrize("cap", [2, None])
def test_what_a_list_collects_goes_out_with_its_next_run(space: Space, cap: int | None) -> None:
    destination = make_destination(space=space, connector="webhook_list", requests_per_second=cap)
    connection = make_connection(space=space, destination=destination)
    run = begun(connection, done=400, total=400, state="done")
    connection.list_synced_at = run.created_at
    interval = (lists.next_sync_at(connection) - run.created_at).total_seconds()
    one_waits = Books(emitted=401, delivered=400, waiting=1)

    collected = sync_progress(connection, run, one_waits, now=run.created_at + timedelta(seconds=10))
    ListSync.objects.create(connection=connection, up_to_id=1, taken_at=run.created_at)
    going = sync_progress(connection, run, one_waits, now=run.created_at + timedelta(seconds=10))

    assert collected is not None
    assert going is not None
    assert interval > 10
    assert (collected.seconds_left, going.seconds_left) == (interval - 10 + 1, 1.0)


@pytest.mark.parametrize("state", ["cancelled", "failed"])
def test_a_sync_that_is_over_has_no_progress(space: Space, state: str) -> None:
    connection = make_connection(space=space)

    assert sync_progress(connection, begun(connection, state=state), Books(emitted=1, waiting=1)) is None
    assert sync_progress(connection, begun(connection, state="done"), Books(emitted=9, delivered=9)) is None
    assert sync_progress(connection, None, Books()) is None


def test_the_api_tells_the_progress(api_for: Callable[..., APIClient], owner: User, space: Space) -> None:
    connection = make_connection(space=space, destination=make_destination(space=space, requests_per_second=10))
    begun(connection, done=0, total=100, state="waiting")

    answered = api_for(owner, space).get(f"/api/v1/spaces/{space.slug}/connections/{connection.public_id}/sync/")

    assert answered.json()["progress"] == {
        "people_done": 0,
        "people_total": 100,
        "calls_done": 0,
        "calls_total": 100,
        "seconds_left": 10.0,
    }
