"""Steps of a live journey: who goes where, when, and what is sent (journeys.md §2, §3, §4.1)."""

from __future__ import annotations

import pytest

from journeys.models import Position
from journeys.tests.factories import (
    SENDING,
    here,
    make_definition,
    make_live_journey,
    passed,
    positions_of,
    row_of,
    runs_of,
    waiting,
    where,
)
from journeys.tests.stage import send_step

pytestmark = pytest.mark.django_db

ORDERED = where({"event": "Order Completed"})
WAIT = {"id": "wait", "type": "delay", "after": "entry", "duration": {"hours": 1}}
SPLIT = {"id": "split", "type": "true_false", "after": "wait", "condition": ORDERED}
BUYERS = {"step": "split", "branch": "true"}
OTHERS = {"step": "split", "branch": "false"}
ENTERED = "Audience Entered"


def test_entry_delay_split_and_send(stage):
    """F001, F008: the example of definitions.md §3."""
    hook = stage.hook()
    steps = [WAIT, SPLIT, send_step("thanks", BUYERS, hook), send_step("remind", OTHERS, hook)]
    version = make_live_journey(space=stage.space, definition=make_definition(*steps))
    buyer, other = stage.people(2)
    stage.send(buyer, other)
    stage.go(minutes=30)
    stage.send(buyer, name="Order Completed")
    during = here(version, "wait")

    stage.go(minutes=30)

    assert during == {buyer.id, other.id}
    assert here(version, "wait") == set()
    assert here(version, "thanks") == {buyer.id}
    assert here(version, "remind") == {other.id}
    assert stage.sent(version, "thanks") == [(buyer.id, ENTERED)]
    assert stage.sent(version, "remind") == [(other.id, ENTERED)]
    assert {run.profile_id: run.completed_at for run in runs_of(version)} == {buyer.id: stage.now, other.id: stage.now}
