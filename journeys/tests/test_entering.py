"""Who enters a live journey, and that nobody enters twice (journeys.md §3, §5, §5.1, §5.2)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audiences.models import ChangedProfiles
from audiences.services.audiences import start_run
from audiences.services.compute import compute_block
from journeys.models import EndReason, JourneyVersion, RunCount, VersionState
from journeys.services.due import due_block
from journeys.services.ending import request_ending
from journeys.tests.factories import (
    here,
    make_definition,
    make_live_journey,
    run_backfills,
    runs_of,
    where,
)

pytestmark = pytest.mark.django_db

WAIT = {"id": "wait", "type": "delay", "after": "entry", "duration": {"days": 1}}
WEEK, MONTH = {"days": 7}, {"days": 30}
PRO = where({"trait": "plan", "equals": "pro"})


def set_state(version, state, **fields):
    JourneyVersion.objects.filter(pk=version.pk).update(state=state, **fields)


def replaced_by(stage, version, *, previous, number=2, computes=True, **settings):
    """Publish the next version of the same definition, with the previous one paused (draining) or archived."""
    exits = version.definition["settings"]["exit_after"]
    definition = make_definition(
        WAIT,
        entry=version.definition["entry"]["condition"],
        use_historical=True,
        exit_after=exits,
        name=version.definition["name"],
    )
    set_state(version, previous)
    if previous == VersionState.ARCHIVED:
        version.refresh_from_db()
        request_ending(version=version, reason=EndReason.REPLACED, now=stage.now)
    return make_live_journey(
        space=stage.space,
        definition=definition,
        journey=version.journey,
        number=number,
        computes=computes,
        **settings,
    )


def people_in(version):
    return sorted(run.profile_id for run in runs_of(version) if run.ended_at is None)


def test_an_event_lets_people_in_and_the_first_step_takes_them(stage):
    version = make_live_journey(space=stage.space, definition=make_definition(WAIT))
    profile = stage.person()

    stage.send(profile)

    assert [run.profile_id for run in runs_of(version)] == [profile.id]
    assert here(version, "entry") == set()
    assert here(version, "wait") == {profile.id}


def test_nobody_enters_twice_without_re_entry(stage):
    version = make_live_journey(space=stage.space, definition=make_definition(WAIT, entry=PRO))
    profile = stage.person()
    for plan in ("pro", "free", "pro", "free", "pro"):
        stage.write_trait(profile, plan=plan)
        stage.settle()

    assert len(runs_of(version)) == 1


@pytest.mark.parametrize(("use_historical", "entered"), [(True, 1), (False, 0)])
def test_history_lets_people_in_only_when_asked(stage, use_historical, entered):
    """journeys.md §3: historical data applies to the entry condition."""
    profile = stage.person()
    stage.send(profile)
    stage.go(days=1)

    version = make_live_journey(space=stage.space, definition=make_definition(WAIT, use_historical=use_historical))

    assert len(runs_of(version)) == entered


def test_everybody_of_a_large_history_enters(stage):
    people = stage.people(25)
    stage.send(*people)

    version = make_live_journey(
        space=stage.space, definition=make_definition(WAIT, use_historical=True), computes=False
    )
    start_run(version.entry_audience)
    run_backfills(slice_profiles=4)

    assert people_in(version) == sorted(person.id for person in people)
    assert sum(RunCount.objects.values_list("entered", flat=True)) == 25


def test_history_and_live_events_arriving_together_let_each_person_in_once(stage):
    """A race known from other products: publish with history and live events arriving together."""
    people = stage.people(6)
    stage.send(*people)
    version = make_live_journey(
        space=stage.space, definition=make_definition(WAIT, use_historical=True), computes=False
    )
    start_run(version.entry_audience)
    late = stage.people(2)
    stage.track(*people[:3], *late)
    compute_block(space=stage.space)
    early = people_in(version)

    run_backfills(slice_profiles=2)
    stage.settle()

    assert early == sorted(person.id for person in [*people[:3], *late])
    assert people_in(version) == sorted(person.id for person in [*people, *late])
    assert len(runs_of(version)) == 8


def test_paused_nobody_enters_and_people_inside_go_on(stage):
    """journeys.md §5: Paused (entry paused)."""
    steps = [WAIT, {"id": "then", "type": "delay", "after": "wait", "duration": {"days": 1}}]
    version = make_live_journey(space=stage.space, definition=make_definition(*steps))
    inside, outside = stage.people(2)
    stage.send(inside)
    set_state(version, VersionState.PAUSED)
    stage.send(outside)

    stage.go(days=1)

    assert here(version, "then") == {inside.id}
    assert people_in(version) == [inside.id]


def test_who_qualified_while_paused_does_not_enter_after_resume(stage):
    """journeys.md §5, Pause Entry / Resume Entry: pause, qualify, resume."""
    version = make_live_journey(space=stage.space, definition=make_definition(WAIT, entry=PRO))
    during, after = stage.people(2)
    set_state(version, VersionState.PAUSED)
    stage.write_trait(during, plan="pro")
    stage.settle()
    set_state(version, VersionState.PUBLISHED, entries_from=stage.now + timedelta(hours=1))
    stage.go(hours=2)

    stage.write_trait(after, plan="pro")
    stage.settle()
    first = people_in(version)
    for plan in ("free", "pro"):
        stage.write_trait(during, plan=plan)
        stage.settle()

    assert first == [after.id]
    assert people_in(version) == sorted([during.id, after.id])


def test_exit_then_re_entry_as_soon_as_its_time_has_passed(stage):
    """journeys.md §5.1: exit 7 days, re-entry 30 days; immediately if the condition still holds."""
    definition = make_definition(WAIT, exit_after=WEEK, reentry_after=MONTH)
    version = make_live_journey(space=stage.space, definition=definition)
    profile = stage.person()
    stage.send(profile)
    start = stage.now
    stage.go(days=7)
    stage.go(days=29, hours=23)
    before = len(runs_of(version))

    stage.go(hours=1)

    first, second = runs_of(version)
    assert before == 1
    assert (first.ended_at, first.end_reason) == (start + timedelta(days=7), "exited")
    assert second.entered_at == stage.now
    assert second.exit_at == stage.now + timedelta(days=7)


def test_re_entry_waits_for_the_condition_when_its_time_has_passed(stage):
    definition = make_definition(WAIT, entry=PRO, exit_after={"days": 1}, reentry_after={"days": 1})
    version = make_live_journey(space=stage.space, definition=definition)
    profile = stage.person()
    stage.write_trait(profile, plan="pro")
    stage.settle()
    stage.go(days=1)
    stage.write_trait(profile, plan="free")
    stage.settle()
    stage.go(days=5)
    before = len(runs_of(version))

    stage.write_trait(profile, plan="pro")
    stage.settle()

    assert before == 1
    assert len(runs_of(version)) == 2


def test_qualifying_before_the_re_entry_time_lets_in_when_it_comes(stage):
    definition = make_definition(WAIT, entry=PRO, exit_after={"days": 1}, reentry_after={"days": 2})
    version = make_live_journey(space=stage.space, definition=definition)
    profile = stage.person()
    stage.write_trait(profile, plan="pro")
    stage.settle()
    stage.go(days=1)
    for plan in ("free", "pro"):
        stage.write_trait(profile, plan=plan)
        stage.settle()
    stage.go(days=1, hours=23)
    before = len(runs_of(version))

    stage.go(hours=1)

    assert before == 1
    assert [run.entered_at for run in runs_of(version)][1] == stage.now


def test_a_re_entry_that_falls_due_while_paused_is_passed_over(stage):
    definition = make_definition(WAIT, exit_after={"days": 1}, reentry_after={"days": 1})
    version = make_live_journey(space=stage.space, definition=definition)
    stage.send(stage.person())
    stage.go(days=1)
    set_state(version, VersionState.PAUSED)
    stage.go(days=1)
    set_state(version, VersionState.PUBLISHED, entries_from=stage.now)

    stage.go(days=1)

    assert len(runs_of(version)) == 1


def test_exit_on_and_paused_then_the_new_version_after_the_exit(stage):
    """journeys.md §5.2, row 1: exit settings on, pause V1, publish V2."""
    first = make_live_journey(space=stage.space, definition=make_definition(WAIT, exit_after=WEEK))
    profile = stage.person()
    stage.send(profile)
    stage.go(days=1)
    second = replaced_by(stage, first, previous=VersionState.DRAINING)
    before = (people_in(first), people_in(second))

    stage.go(days=6)

    assert before == ([profile.id], [])
    assert (people_in(first), people_in(second)) == ([], [profile.id])


def test_exit_on_and_paused_who_no_longer_qualifies_does_not_enter_the_new_version(stage):
    first = make_live_journey(space=stage.space, definition=make_definition(WAIT, entry=PRO, exit_after=WEEK))
    profile = stage.person()
    stage.write_trait(profile, plan="pro")
    stage.settle()
    second = replaced_by(stage, first, previous=VersionState.DRAINING)
    stage.write_trait(profile, plan="free")
    stage.settle()

    stage.go(days=7)

    assert (people_in(first), runs_of(second)) == ([], [])


@pytest.mark.parametrize("order", ["history first", "people end first"])
def test_exit_on_and_archived_people_enter_the_new_version_at_once(stage, order):
    """journeys.md §5.2, row 2: exit settings on, archive V1, publish V2."""
    first = make_live_journey(space=stage.space, definition=make_definition(WAIT, exit_after=WEEK))
    profile = stage.person()
    stage.send(profile)
    second = replaced_by(stage, first, previous=VersionState.ARCHIVED, computes=order == "history first")
    if order != "history first":
        due_block(space=stage.space)
        start_run(second.entry_audience)
        run_backfills()

    stage.settle()

    assert (people_in(first), people_in(second)) == ([], [profile.id])
    assert [run.end_reason for run in runs_of(first)] == ["replaced"]


def test_exit_on_paused_then_archived_before_the_exit_they_never_enter_the_new_version(stage):
    """journeys.md §5.2, row 3."""
    first = make_live_journey(space=stage.space, definition=make_definition(WAIT, entry=PRO, exit_after=WEEK))
    profile = stage.person()
    stage.write_trait(profile, plan="pro")
    stage.settle()
    second = replaced_by(stage, first, previous=VersionState.DRAINING)
    set_state(first, VersionState.ARCHIVED)
    stage.settle()
    for plan in ("free", "pro"):
        stage.write_trait(profile, plan=plan)
        stage.settle()

    stage.go(days=30)

    assert [run.end_reason for run in runs_of(first)] == ["archived"]
    assert runs_of(second) == []


@pytest.mark.parametrize("previous", [VersionState.DRAINING, VersionState.ARCHIVED])
def test_exit_off_people_enter_the_new_version_at_once(stage, previous):
    """journeys.md §5.2, row 4: even if still in V1."""
    first = make_live_journey(space=stage.space, definition=make_definition(WAIT))
    profile = stage.person()
    stage.send(profile)

    second = replaced_by(stage, first, previous=previous)
    stage.settle()

    assert people_in(second) == [profile.id]
    assert people_in(first) == ([profile.id] if previous == VersionState.DRAINING else [])


def test_version_exclusion_keeps_people_of_earlier_versions_out(stage):
    """journeys.md §5.2, row 5."""
    first = make_live_journey(space=stage.space, definition=make_definition(WAIT))
    old, new = stage.people(2)
    stage.send(old)
    second = replaced_by(stage, first, previous=VersionState.DRAINING, excludes_earlier=True)

    stage.send(new)

    assert people_in(second) == [new.id]


def test_a_draining_version_takes_nobody_in(stage):
    """journeys.md §5: Draining."""
    version = make_live_journey(space=stage.space, definition=make_definition(WAIT))
    set_state(version, VersionState.DRAINING)

    stage.send(stage.person())

    assert runs_of(version) == []


def test_a_change_that_entered_nobody_leaves_nothing_behind(stage):
    version = make_live_journey(space=stage.space, definition=make_definition(WAIT))

    stage.send(stage.person(), name="Product Viewed")

    assert (runs_of(version), ChangedProfiles.objects.count(), RunCount.objects.count()) == ([], 0, 0)
