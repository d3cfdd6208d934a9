"""What falls due: in order, once, for the right people, and never before its time."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.db import connection, transaction

from audiences.models import Membership
from audiences.services.audiences import create_audience
from audiences.services.compute import compute_block, recheck_block
from journeys.models import Position, Run, RunCount
from journeys.services.due import due_block, settle, spaces_with_due
from journeys.tests.factories import (
    here,
    make_definition,
    make_live_journey,
    passed,
    positions_of,
    run_backfills,
    runs_of,
    waiting,
    where,
)
from journeys.tests.stage import send_step

pytestmark = pytest.mark.django_db

ORDERED = where({"event": "Order Completed"})
WAIT = {"id": "wait", "type": "delay", "after": "entry", "duration": {"hours": 1}}
SPLIT = {"id": "split", "type": "true_false", "after": "wait", "condition": ORDERED}


def test_the_next_step_is_not_chosen_before_the_delay_ended(stage):
    """A race known from other products: what happens up to the end of the delay counts."""
    version = make_live_journey(space=stage.space, definition=make_definition(WAIT, SPLIT))
    profile = stage.person()
    stage.send(profile)
    stage.go(minutes=59, seconds=59)
    before = passed(version, "split")
    stage.track(profile, name="Order Completed")

    stage.go(seconds=1)

    assert before == set()
    assert [position.branch for position in positions_of(version)["split"]] == ["true"]


def test_a_wait_is_not_judged_on_stale_data(stage):
    """An evaluation that is still queued counts before what is due: the split reads the audience after it."""
    buyers = create_audience(space=stage.space, name="Buyers", definition=ORDERED, created_by=None)
    run_backfills()
    split = {**SPLIT, "condition": where({"audience": buyers.key, "member": True})}
    version = make_live_journey(space=stage.space, definition=make_definition(WAIT, split))
    late, other = stage.people(2)
    stage.send(late, other)
    stage.clock.shift(timedelta(hours=1))
    stage.track(late, name="Order Completed")

    due_block(space=stage.space)
    first = passed(version, "split")
    compute_block(space=stage.space)
    due_block(space=stage.space)

    branches = {position.profile_id: position.branch for position in positions_of(version)["split"]}
    assert first == {other.id}
    assert branches == {late.id: "true", other.id: "false"}


def test_a_membership_that_expires_counts_before_what_is_due(stage):
    recent = where({"event": "Order Completed", "window": {"within": {"hours": 1}}})
    buyers = create_audience(space=stage.space, name="Recent", definition=recent, created_by=None)
    run_backfills()
    split = {**SPLIT, "condition": where({"audience": buyers.key, "member": True})}
    version = make_live_journey(space=stage.space, definition=make_definition(WAIT, split))
    profile = stage.person()
    stage.track(profile, name="Order Completed")
    stage.send(profile)
    stage.clock.shift(timedelta(hours=1))

    due_block(space=stage.space)
    first = passed(version, "split")
    recheck_block(space=stage.space)
    due_block(space=stage.space)

    assert first == set()
    assert not Membership.objects.filter(audience_id=buyers.pk, is_member=True).exists()
    assert [position.branch for position in positions_of(version)["split"]] == ["false"]


def test_an_evaluation_that_never_comes_does_not_hold_people_for_ever(stage):
    buyers = create_audience(space=stage.space, name="Buyers", definition=ORDERED, created_by=None)
    run_backfills()
    split = {**SPLIT, "condition": where({"audience": buyers.key, "member": True})}
    version = make_live_journey(space=stage.space, definition=make_definition(WAIT, split))
    profile = stage.person()
    stage.send(profile)
    Membership.objects.create(
        space_id=stage.space.pk,
        audience_id=buyers.pk,
        profile_id=profile.id,
        is_member=True,
        changed_at=stage.now,
        recheck_at=stage.now + timedelta(minutes=30),
    )
    stage.clock.shift(timedelta(hours=1))

    due_block(space=stage.space)

    assert [position.branch for position in positions_of(version)["split"]] == ["true"]


def test_doing_it_twice_changes_nothing(stage):
    hook = stage.hook()
    version = make_live_journey(space=stage.space, definition=make_definition(WAIT, send_step("hi", "wait", hook)))
    people = stage.people(3)
    stage.send(*people)
    stage.clock.shift(timedelta(hours=1))
    done = [due_block(space=stage.space) for _ in range(3)]

    assert done == [3, 0, 0]
    assert sorted(stage.sent(version, "hi")) == sorted((person.id, "Audience Entered") for person in people)


def test_blocks_take_what_was_due_first(stage):
    version = make_live_journey(space=stage.space, definition=make_definition(WAIT))
    people = stage.people(5)
    for person in people:
        stage.send(person)
        stage.clock.shift(timedelta(minutes=1))
    stage.clock.shift(timedelta(hours=2))

    done = [due_block(space=stage.space, limit=2)]
    first = {run.profile_id for run in runs_of(version) if run.completed_at is not None}
    done += [due_block(space=stage.space, limit=2), due_block(space=stage.space, limit=2)]

    assert first == {people[0].id, people[1].id}
    assert done == [2, 2, 1]


def test_a_chain_of_delays_takes_its_time_however_late_the_poll_is(stage):
    """Nothing is dated back: a poll that comes late starts the next delay late."""
    steps = [WAIT, {**WAIT, "id": "again", "after": "wait"}]
    version = make_live_journey(space=stage.space, definition=make_definition(*steps))
    profile = stage.person()
    stage.send(profile)
    stage.go(hours=5)
    before = here(version, "again")

    stage.go(minutes=59)
    still = here(version, "again")
    stage.go(minutes=1)

    assert before == still == {profile.id}
    assert runs_of(version)[0].completed_at == stage.now


def test_spaces_with_work_are_found_and_others_left_alone(stage):
    make_live_journey(space=stage.space, definition=make_definition(WAIT))
    stage.send(stage.person())
    before = spaces_with_due()
    stage.clock.shift(timedelta(hours=1))

    found = spaces_with_due()
    finished = settle(space=stage.space, deadline=time.monotonic() + 60)

    assert (before, found, finished) == ([], [stage.space], False)
    assert spaces_with_due() == []


def test_an_exit_comes_before_everything_else_that_is_due(stage):
    hook = stage.hook()
    definition = make_definition(WAIT, send_step("hi", "wait", hook), exit_after={"hours": 1})
    version = make_live_journey(space=stage.space, definition=definition)
    stage.send(stage.person())

    stage.go(hours=1)

    assert stage.sent(version, "hi") == []
    assert [run.end_reason for run in runs_of(version)] == ["exited"]


def test_exit_leaves_every_step_and_destination(stage):
    """journeys.md §4.1: Journey exit; §5.1."""
    event, lists = stage.hook(), stage.hook(connector="webhook_list")
    steps = [
        send_step("first", "entry", event),
        send_step("list", "first", lists),
        {"id": "never", "type": "condition", "after": "list", "condition": ORDERED},
    ]
    version = make_live_journey(space=stage.space, definition=make_definition(*steps, exit_after={"days": 7}))
    profile = stage.person()
    stage.send(profile)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM list_change")  # the list was synced

    stage.go(days=7)

    run = runs_of(version)[0]
    with connection.cursor() as cursor:
        cursor.execute("SELECT profile_id, is_add FROM list_change")
        removals = cursor.fetchall()
    assert (run.ended_at, run.end_reason) == (stage.now, "exited")
    assert stage.sent(version, "first") == [(profile.id, "Audience Entered"), (profile.id, "Audience Exited")]
    assert removals == [(profile.id, False)]
    assert here(version, "list") == waiting(version, "never") == set()
    assert not Position.objects.filter(left_at=None).exists()


def test_without_exit_settings_people_stay_for_ever(stage):
    """journeys.md §4.1: no Audience Exited is sent."""
    hook = stage.hook()
    version = make_live_journey(space=stage.space, definition=make_definition(send_step("hi", "entry", hook)))
    profile = stage.person()
    stage.send(profile)

    stage.go(days=3_000)

    assert stage.sent(version, "hi") == [(profile.id, "Audience Entered")]
    assert here(version, "hi") == {profile.id}
    assert Run.objects.get().ended_at is None


def test_completed_and_exited_are_counted_apart(stage):
    """journeys.md §6: Completed and Exits are mutually exclusive."""
    version = make_live_journey(space=stage.space, definition=make_definition(WAIT, SPLIT, exit_after={"hours": 2}))
    early = stage.person()
    stage.send(early)
    stage.go(hours=1)
    late = stage.person()
    stage.send(late)
    Run.objects.filter(profile_id=late.id).update(exit_at=stage.now + timedelta(minutes=1))

    stage.go(hours=1)

    rows = RunCount.objects.filter(version_id=version.pk).values_list("entered", "completed", "exited", "ended")
    assert tuple(map(sum, zip(*rows, strict=True))) == (2, 1, 1, 0)


def test_nothing_is_due_inside_a_rolled_back_block(stage):
    version = make_live_journey(space=stage.space, definition=make_definition(WAIT))
    stage.send(stage.person())
    stage.clock.shift(timedelta(hours=1))
    with transaction.atomic():
        due_block(space=stage.space)
        transaction.set_rollback(True)

    stage.settle()

    assert runs_of(version)[0].completed_at == stage.now
