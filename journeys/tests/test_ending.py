"""Letting people go: archive, replace, exit or move on publishing; in slices that a kill cannot spoil."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from journeys.models import EndReason, JourneyVersion, RunCount, VersionState
from journeys.services.due import due_block, spaces_with_due
from journeys.services.ending import end_runs, move_runs, request_ending
from journeys.tests.factories import (
    here,
    make_definition,
    make_live_journey,
    positions_of,
    runs_of,
    waiting,
    where,
)
from journeys.tests.stage import send_step

pytestmark = pytest.mark.django_db

ORDERED = where({"event": "Order Completed"})
WAIT = {"id": "wait", "type": "delay", "after": "entry", "duration": {"days": 1}}
UNTIL = {"id": "until", "type": "condition", "after": "entry", "condition": ORDERED}


def archive(version):
    JourneyVersion.objects.filter(pk=version.pk).update(state=VersionState.ARCHIVED, archived_at=timezone.now())
    version.refresh_from_db()


def next_version(stage, version, *steps, **settings):
    definition = make_definition(*steps, name=version.definition["name"], **settings)
    JourneyVersion.objects.filter(pk=version.pk).update(state=VersionState.DRAINING)
    version.refresh_from_db()
    return make_live_journey(space=stage.space, definition=definition, journey=version.journey, number=2)


def test_archiving_stops_progress_and_sends_nothing(stage):
    """journeys.md §4.1: Archive; §5: Archived."""
    hook = stage.hook()
    steps = [send_step("hi", "entry", hook), {**WAIT, "after": "hi"}, send_step("later", "wait", hook)]
    version = make_live_journey(space=stage.space, definition=make_definition(*steps))
    profile, outside = stage.people(2)
    stage.send(profile)
    archive(version)

    stage.go(days=2)
    stage.send(outside)

    run = runs_of(version)[0]
    assert (run.end_reason, run.ended_at is not None) == ("archived", True)
    assert stage.sent(version, "hi") == [(profile.id, "Audience Entered")]
    assert stage.sent(version, "later") == []
    assert [run.profile_id for run in runs_of(version)] == [profile.id]
    assert here(version, "wait") == set()


def test_archiving_leaves_people_on_the_lists_of_destinations(stage):
    """journeys.md §4.1: Archive, list destination: nothing; the list stays."""
    lists = stage.hook(connector="webhook_list")
    version = make_live_journey(
        space=stage.space, definition=make_definition(send_step("list", "entry", lists), exit_after={"days": 7})
    )
    profile = stage.person()
    stage.send(profile)
    before = list_changes()
    archive(version)

    stage.go(days=30)

    assert before == [(profile.id, True)]
    assert list_changes() == before


def list_changes():
    with connection.cursor() as cursor:
        cursor.execute("SELECT profile_id, is_add FROM list_change")
        return cursor.fetchall()


def test_many_people_are_let_go_in_slices(stage):
    version = make_live_journey(space=stage.space, definition=make_definition(UNTIL))
    stage.send(*stage.people(7))
    archive(version)
    found = spaces_with_due()

    done = [due_block(space=stage.space, limit=3) for _ in range(4)]

    assert found == [stage.space]
    assert done == [3, 3, 1, 0]
    assert {run.end_reason for run in runs_of(version)} == {"archived"}
    assert waiting(version, "until") == set()
    assert spaces_with_due() == []
    assert sum(RunCount.objects.values_list("ended", flat=True)) == 7


def test_ending_may_send_exits(stage):
    hook = stage.hook()
    version = make_live_journey(space=stage.space, definition=make_definition(send_step("hi", "entry", hook)))
    profile = stage.person()
    stage.send(profile)

    done = end_runs(version=version, reason=EndReason.DELETED, now=stage.now, send_exits=True)

    assert done == 1
    assert stage.sent(version, "hi") == [(profile.id, "Audience Entered"), (profile.id, "Audience Exited")]
    assert runs_of(version)[0].end_reason == "deleted"


def test_people_of_changed_steps_finish_exit_or_move_as_chosen(stage):
    """Publish review: a choice per group of people waiting in changed steps."""
    hook = stage.hook()
    cart = where({"event": "Cart Viewed"})
    branches = [{"id": name, "name": name} for name in "abc"]
    split = {"id": "many", "type": "random", "after": "entry", "branches": [{**one, "percent": 0} for one in branches]}
    split["branches"][0]["percent"] = 100
    first = make_live_journey(
        space=stage.space,
        definition=make_definition(send_step("hi", "entry", hook), {**UNTIL, "after": "hi"}, exit_after={"days": 9}),
    )
    people = stage.people(2)
    stage.send(*people)
    entered = stage.now
    stage.go(days=1)
    second = next_version(
        stage,
        first,
        send_step("hi", "entry", hook),
        {**UNTIL, "id": "until_cart", "after": "hi", "condition": cart},
        {**WAIT, "after": "until_cart"},
        exit_after={"days": 9},
    )
    request_ending(
        version=first,
        reason=EndReason.MOVED,
        now=stage.now,
        choices={"until": "move:until_cart"},
        to_version=second,
    )
    stage.settle()
    moved = (waiting(second, "until_cart"), [run.end_reason for run in runs_of(first)])

    stage.send(people[0], name="Cart Viewed")
    stage.go(days=8)

    ids = {person.id for person in people}
    assert moved == (ids, ["moved", "moved"])
    assert [(run.entered_at, run.exit_at) for run in runs_of(second)] == [(entered, entered + timedelta(days=9))] * 2
    assert len(positions_of(second)["wait"]) == 1
    exits = [profile_id for profile_id, event in stage.sent(second, "hi") if event == "Audience Exited"]
    assert sorted(exits) == sorted(ids)
    first.refresh_from_db()
    assert first.ending is None


def test_moving_to_a_delay_starts_it(stage):
    first = make_live_journey(space=stage.space, definition=make_definition(UNTIL))
    profile = stage.person()
    stage.send(profile)
    second = next_version(stage, first, WAIT)

    done = move_runs(version=first, to_version=second, step_map={"until": "wait"}, now=stage.now)
    stage.go(hours=23)
    before = here(second, "wait")
    stage.go(hours=1)

    assert done == 1
    assert before == {profile.id}
    assert runs_of(second)[0].completed_at == stage.now


def test_who_is_in_the_new_version_already_is_only_ended(stage):
    first = make_live_journey(space=stage.space, definition=make_definition(UNTIL, use_historical=True))
    profile = stage.person()
    stage.send(profile)
    second = next_version(stage, first, WAIT, use_historical=True)

    move_runs(version=first, to_version=second, step_map={"until": "wait"}, now=stage.now)

    assert [run.end_reason for run in runs_of(first)] == ["moved"]
    assert [run.end_reason for run in runs_of(second)] == [""]


def test_a_choice_to_exit_sends_exits_and_the_others_finish(stage):
    hook = stage.hook()
    steps = [send_step("hi", "entry", hook), {**UNTIL, "after": "hi"}, {**WAIT, "after": "until"}]
    version = make_live_journey(space=stage.space, definition=make_definition(*steps))
    stays, goes = stage.people(2)
    stage.send(stays, goes)
    stage.send(stays, name="Order Completed")
    stage.clock.shift(timedelta(seconds=1))
    request_ending(version=version, reason=EndReason.EXITED, now=stage.now, choices={"until": "exit", "wait": "finish"})

    stage.settle()
    late = stage.person()
    stage.send(late)

    assert {run.profile_id: run.end_reason for run in runs_of(version)} == {
        stays.id: "",
        goes.id: "exited",
        late.id: "",
    }
    assert [pair for pair in stage.sent(version, "hi") if pair[1] == "Audience Exited"] == [
        (goes.id, "Audience Exited")
    ]
    assert here(version, "wait") == {stays.id}


def test_an_exit_keeps_what_another_version_still_sends(stage):
    hook = stage.hook()
    first = make_live_journey(
        space=stage.space, definition=make_definition(send_step("hi", "entry", hook), use_historical=True)
    )
    profile = stage.person()
    stage.send(profile)
    second = next_version(stage, first, send_step("hi", "entry", hook), use_historical=True)
    in_both = [len(runs_of(first)), len(runs_of(second))]

    end_runs(version=first, reason=EndReason.EXITED, now=stage.now, send_exits=True)
    kept = stage.sent(second, "hi")
    end_runs(version=second, reason=EndReason.EXITED, now=stage.now, send_exits=True)

    assert in_both == [1, 1]
    assert kept == [(profile.id, "Audience Entered")]
    assert stage.sent(second, "hi") == [(profile.id, "Audience Entered"), (profile.id, "Audience Exited")]


def test_a_deleted_journey_lets_its_people_go(stage):
    version = make_live_journey(space=stage.space, definition=make_definition(UNTIL))
    stage.send(stage.person())
    version.journey.deleted_at = stage.now
    version.journey.save()

    stage.settle()

    assert [run.end_reason for run in runs_of(version)] == ["deleted"]
