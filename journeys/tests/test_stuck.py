"""A mistake of ours with the people of one version: they stay and are tried again, and nobody else notices."""

from __future__ import annotations

import pytest

from audiences.services.audiences import create_audience
from engine.journeys.steps.delay import DelayStep
from journeys.models import JourneyVersion, Run
from journeys.selectors.overview import status_of
from journeys.services.ending import move_runs
from journeys.services.live import UNREADABLE
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
WAIT = {"id": "wait", "type": "delay", "after": "until", "duration": {"hours": 1}}
BAD = {**WAIT, "id": "bad"}
STUCK = (
    "A mistake of ours keeps people from moving on (ZeroDivisionError: oops). They stay where they are and are tried "
    "again every minute."
)


@pytest.fixture
def broken(monkeypatch):
    """Arriving at the delay "bad" fails; call it to have that mended."""
    arrive = DelayStep.arrive

    def fails(step, run, now, verdict):
        if step.id == "bad":
            raise ZeroDivisionError("oops")
        return arrive(step, run, now, verdict)

    monkeypatch.setattr(DelayStep, "arrive", fails)
    return monkeypatch.undo


def test_a_version_that_fails_stops_neither_other_journeys_nor_audiences(stage, broken):
    bad = make_live_journey(space=stage.space, definition=make_definition(UNTIL, BAD))
    good = make_live_journey(space=stage.space, definition=make_definition(UNTIL, WAIT))
    buyers = create_audience(space=stage.space, name="Buyers", definition=ORDERED, created_by=None)
    run_backfills()
    profile = stage.person()
    stage.send(profile)

    stage.send(profile, name="Order Completed")

    for row in (bad, buyers):
        row.refresh_from_db()
    (waits,) = positions_of(bad)["until"]
    assert here(good, "wait") == {profile.id}
    assert buyers.size == 1
    assert (waits.joined_at, waits.left_at, here(bad, "bad")) == (None, None, set())
    assert (status_of(bad).word, status_of(bad).reason) == ("Failed", STUCK)


def test_people_go_on_once_the_mistake_is_mended(stage, broken):
    version = make_live_journey(space=stage.space, definition=make_definition(UNTIL, BAD))
    profile = stage.person()
    stage.send(profile)
    stage.send(profile, name="Order Completed")
    stage.go(minutes=1)
    (still,) = runs_of(version)
    broken()

    stage.go(minutes=1)

    version.refresh_from_db()
    assert still.retry_at is not None
    assert here(version, "bad") == {profile.id}
    assert Run.objects.get(version_id=version.pk).retry_at is None
    assert version.problem == ""


def test_a_delay_that_is_over_is_not_lost_and_not_tried_without_end(stage, broken):
    first = {**WAIT, "id": "first", "after": "entry"}
    bad = make_live_journey(space=stage.space, definition=make_definition(first, {**BAD, "after": "first"}))
    good = make_live_journey(space=stage.space, definition=make_definition(first, {**WAIT, "after": "first"}))
    profile = stage.person()
    stage.send(profile)

    stage.go(hours=1)
    stayed = here(bad, "first")
    moved = here(good, "wait")
    broken()
    stage.go(minutes=1)

    assert stayed == {profile.id}
    assert moved == {profile.id}
    assert here(bad, "bad") == {profile.id}


def test_who_fails_on_entering_enters_later_and_once(stage, broken):
    version = make_live_journey(space=stage.space, definition=make_definition({**BAD, "after": "entry"}))
    profile = stage.person()
    stage.send(profile)
    (run,) = runs_of(version)
    before = positions_of(version)
    broken()

    stage.go(minutes=1)

    assert before == {}
    assert here(version, "bad") == {profile.id}
    assert [found.pk for found in runs_of(version)] == [run.pk]


def test_who_is_moved_to_a_step_that_fails_waits_there(stage, broken):
    old = make_live_journey(space=stage.space, definition=make_definition(UNTIL, WAIT))
    profile = stage.person()
    stage.send(profile)
    stage.go(minutes=1)
    JourneyVersion.objects.filter(pk=old.pk).update(state="draining")
    new = make_live_journey(
        space=stage.space,
        definition=make_definition(UNTIL, BAD, name=old.journey.name),
        journey=old.journey,
        number=2,
    )

    move_runs(version=old, to_version=new, step_map={"until": "bad"}, now=stage.now)
    (waits,) = positions_of(new)["bad"]
    broken()
    stage.go(minutes=1)

    assert (waits.joined_at, waits.left_at) == (None, None)
    assert here(new, "bad") == {profile.id}
    assert [run.end_reason for run in runs_of(old)] == ["moved"]


def test_what_people_missed_while_a_definition_could_not_be_read_is_made_up_for(stage):
    version = make_live_journey(space=stage.space, definition=make_definition(UNTIL, WAIT))
    other = make_live_journey(space=stage.space, definition=make_definition(UNTIL, WAIT))
    profile = stage.person()
    stage.send(profile)
    definition = version.definition
    JourneyVersion.objects.filter(pk=version.pk).update(definition={"version": 1, "steps": 7})
    stage.send(profile, name="Order Completed")
    version.refresh_from_db()
    problem = version.problem
    JourneyVersion.objects.filter(pk=version.pk).update(definition=definition)

    stage.send(stage.person())
    stage.settle()

    version.refresh_from_db()
    assert problem.startswith(UNREADABLE)
    assert here(other, "wait") == {profile.id}
    assert here(version, "wait") == {profile.id}
    assert version.problem == ""
