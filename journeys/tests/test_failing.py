"""A step whose condition cannot be judged: it is told, tried again, and holds up nobody else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audiences.services.audiences import create_audience
from journeys.models import Run
from journeys.tests.factories import (
    here,
    make_definition,
    make_live_journey,
    positions_of,
    run_backfills,
    runs_of,
    where,
)

pytestmark = pytest.mark.django_db

ORDERED = where({"event": "Order Completed"})
UNTIL = {"id": "until", "type": "condition", "after": "entry", "condition": ORDERED}
DELAY = {"id": "wait", "type": "delay", "duration": {"hours": 1}}
TRUE = {"step": "split", "branch": "true"}


def test_a_condition_that_cannot_be_judged_stops_nobody_else(stage):
    broken = where({"audience": "no_such_audience", "member": True})
    bad = make_live_journey(space=stage.space, definition=make_definition({**UNTIL, "condition": broken}))
    good = make_live_journey(space=stage.space, definition=make_definition(UNTIL))
    audience = create_audience(space=stage.space, name="Buyers", definition=ORDERED, created_by=None)
    run_backfills()
    profile = stage.person()
    stage.send(profile)

    stage.send(profile, name="Order Completed")

    bad.refresh_from_db()
    audience.refresh_from_db()
    assert here(good, "until") == {profile.id}
    assert audience.size == 1
    assert (bad.state, len(runs_of(bad))) == ("published", 1)
    assert "no_such_audience" in bad.problem
    assert bad.retry_at == stage.now + timedelta(minutes=1)


def test_people_of_a_failed_version_go_on_once_it_can_be_judged(stage):
    broken = where({"audience": "buyers", "member": True})
    split = {"id": "split", "type": "true_false", "after": "entry", "condition": broken}
    version = make_live_journey(space=stage.space, definition=make_definition(split, {**DELAY, "after": TRUE}))
    profile = stage.person()
    stage.send(profile)
    stage.go(seconds=30)
    before = positions_of(version)["split"][0].joined_at
    buyers = create_audience(space=stage.space, name="Buyers", key="buyers", definition=ORDERED, created_by=None)
    run_backfills()
    stage.send(profile, name="Order Completed")

    stage.go(seconds=30)

    version.refresh_from_db()
    assert buyers.key == "buyers"
    assert before is None
    assert here(version, "wait") == {profile.id}
    assert (version.problem, version.retry_at) == ("", None)
    assert Run.objects.get(version_id=version.pk).retry_at is None
