"""Profiles are merged while both are in a journey: nobody is in it twice, nobody is sent twice, nobody is lost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from audiences.services.locks import lock_space
from ingest.merging import merge_profiles
from journeys.models import JourneyVersion, Position, RunCount, VersionState
from journeys.tests.factories import here, make_definition, make_live_journey, passed, runs_of, waiting, where
from journeys.tests.stage import send_step, staged
from tests.factories import make_identifier

pytestmark = pytest.mark.django_db

ORDERED = where({"event": "Order Completed"})
WAIT = {"id": "wait", "type": "delay", "after": "entry", "duration": {"days": 1}}
UNTIL = {"id": "until", "type": "condition", "after": "entry", "condition": ORDERED}


@pytest.fixture
def stage(space):
    with staged(space) as stage:
        yield stage


def merge(stage, *losers, into):
    with transaction.atomic():
        lock_space(stage.space.pk)
        survivors = {loser.id: into.id for loser in losers}
        merge_profiles(space_id=stage.space.pk, survivors=survivors, now=stage.now)
    stage.touch(into)


def open_runs(version):
    return [(run.profile_id, run.entered_at) for run in runs_of(version) if run.ended_at is None]


def test_the_survivor_takes_over_the_run(stage):
    version = make_live_journey(space=stage.space, definition=make_definition(WAIT))
    loser, survivor = stage.people(2)
    stage.send(loser)
    merge(stage, loser, into=survivor)

    stage.go(days=1)

    assert [(run.profile_id, run.completed_at) for run in runs_of(version)] == [(survivor.id, stage.now)]
    assert set(Position.objects.values_list("profile_id", flat=True)) == {survivor.id}


def test_of_two_runs_the_furthest_goes_on(stage):
    hook = stage.hook()
    steps = [UNTIL, send_step("hi", "until", hook), {**WAIT, "after": "hi"}]
    version = make_live_journey(space=stage.space, definition=make_definition(*steps))
    first, second = stage.people(2)
    stage.send(first)
    stage.clock.shift(timedelta(minutes=1))
    stage.send(second)
    furthest = stage.now
    stage.send(second, name="Order Completed")

    merge(stage, second, into=first)
    stage.settle()

    assert open_runs(version) == [(first.id, furthest)]
    assert {run.end_reason for run in runs_of(version)} == {"", "merged"}
    assert here(version, "wait") == {first.id}
    assert waiting(version, "until") == set()
    rows = RunCount.objects.filter(version_id=version.pk).values_list("entered", "ended")
    assert tuple(map(sum, zip(*rows, strict=True))) == (2, 1)


def test_of_two_runs_at_one_step_the_earliest_goes_on(stage):
    version = make_live_journey(space=stage.space, definition=make_definition(WAIT))
    late, early = stage.people(2)
    stage.send(early)
    at = stage.now
    stage.clock.shift(timedelta(hours=1))
    stage.send(late)

    merge(stage, early, into=late)
    stage.settle()

    assert open_runs(version) == [(late.id, at)]


def test_a_merged_person_is_not_sent_twice_and_exits_once(stage):
    hook = stage.hook()
    steps = [UNTIL, send_step("hi", "until", hook), {**WAIT, "after": "hi", "duration": {"days": 30}}]
    version = make_live_journey(space=stage.space, definition=make_definition(*steps, exit_after={"days": 7}))
    ahead, behind = stage.people(2)
    stage.send(ahead, behind)
    stage.send(ahead, name="Order Completed")
    merge(stage, behind, into=ahead)
    stage.settle()

    stage.go(days=7)

    events = [event for _, event in stage.sent(version, "hi")]
    assert events.count("Audience Entered") <= 2  # the second user id of the person may be told as well
    assert len({pair for pair in stage.sent(version, "hi") if pair[1] == "Audience Entered"}) == 1
    assert events[-1] == "Audience Exited"
    assert open_runs(version) == []


def test_what_the_ended_run_sent_is_taken_back_when_the_other_exits(stage):
    hook = stage.hook()
    parts = [{"id": "a", "name": "A"}, {"id": "b", "name": "B"}]
    steps = [
        {"id": "many", "type": "multi_branch", "after": "entry", "branches": parts},
        {**UNTIL, "after": {"step": "many", "branch": "a"}},
        send_step("hi", "until", hook),
        {
            "id": "cart",
            "type": "condition",
            "after": {"step": "many", "branch": "b"},
            "condition": where({"event": "Cart Viewed"}),
        },
        {**WAIT, "after": "cart", "duration": {"minutes": 1}},
        {"id": "more", "type": "delay", "after": "wait", "duration": {"days": 30}},
    ]
    version = make_live_journey(space=stage.space, definition=make_definition(*steps, exit_after={"days": 7}))
    sent, other = stage.people(2)
    stage.send(sent, other)
    stage.send(sent, name="Order Completed")
    stage.send(other, name="Cart Viewed")
    stage.go(minutes=1)
    merge(stage, sent, into=other)

    stage.go(days=7)

    assert passed(version, "more") == {other.id}
    assert [event for _, event in stage.sent(version, "hi")][-1] == "Audience Exited"


def test_a_waiting_run_is_judged_with_the_events_of_both(stage):
    version = make_live_journey(space=stage.space, definition=make_definition(UNTIL))
    inside, outside = stage.people(2)
    stage.send(inside)
    stage.send(outside, name="Order Completed")
    before = waiting(version, "until")

    merge(stage, outside, into=inside)
    stage.settle()

    assert before == {inside.id}
    assert here(version, "until") == {inside.id}


@pytest.mark.parametrize(("exit_after", "open_after"), [({"days": 7}, 1), (None, 2)])
def test_with_exit_settings_a_merged_person_is_in_one_version(stage, exit_after, open_after):
    first = make_live_journey(space=stage.space, definition=make_definition(UNTIL, exit_after=exit_after))
    old, new = stage.people(2)
    stage.send(old)
    JourneyVersion.objects.filter(pk=first.pk).update(state=VersionState.DRAINING)
    definition = make_definition(UNTIL, exit_after=exit_after, name=first.definition["name"])
    second = make_live_journey(space=stage.space, definition=definition, journey=first.journey, number=2)
    stage.send(new)

    merge(stage, old, into=new)
    stage.settle()

    assert len(open_runs(first)) + len(open_runs(second)) == open_after
    assert open_runs(second) == [(new.id, stage.now)]


def test_three_profiles_become_one(stage):
    version = make_live_journey(space=stage.space, definition=make_definition(WAIT))
    people = stage.people(3)
    make_identifier(profile=people[0], id_type="email", value="ada@example.com")
    stage.send(*people)

    merge(stage, *people[1:], into=people[0])
    stage.go(days=1)

    assert len(runs_of(version)) == 3
    assert [run.profile_id for run in runs_of(version) if run.end_reason == ""] == [people[0].id]
    assert sum(RunCount.objects.values_list("completed", flat=True)) == 1
