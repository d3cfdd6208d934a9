"""Steps of a live journey: who goes where, when, and what is sent (journeys.md §2, §3, §4.1)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import Sum

from audiences.models import Audience
from audiences.services.audiences import create_audience, set_enabled
from audiences.services.connections import ConnectionSpec
from audiences.services.connections import connect as connect_audience
from delivery.models import ListChange
from engine.journeys.steps.random import draw
from journeys.models import RunCount, StepCount
from journeys.tests.factories import (
    here,
    make_definition,
    make_live_journey,
    passed,
    positions_of,
    row_of,
    run_backfills,
    runs_of,
    waiting,
    where,
)
from journeys.tests.stage import send_step
from tests.factories import make_identifier

pytestmark = pytest.mark.django_db

ORDERED = where({"event": "Order Completed"})
WAIT = {"id": "wait", "type": "delay", "after": "entry", "duration": {"hours": 1}}
SPLIT = {"id": "split", "type": "true_false", "after": "wait", "condition": ORDERED}
BUYERS = {"step": "split", "branch": "true"}
OTHERS = {"step": "split", "branch": "false"}
UNTIL = {"id": "until", "type": "condition", "after": "entry", "condition": ORDERED}
ENTERED, EXITED = "Audience Entered", "Audience Exited"


def counts(version, step_id):
    """(arrived, joined, first_joined, left, gave_up) over all hours and branches."""
    names = ("arrived", "joined", "first_joined", "left", "gave_up")
    rows = StepCount.objects.filter(version_id=version.pk, step_id=row_of(version, step_id).pk)
    summed = rows.aggregate(**{f"sum_{name}": Sum(name) for name in names})
    return tuple(summed[f"sum_{name}"] or 0 for name in names)


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


def test_counts_tell_what_positions_tell(stage):
    hook = stage.hook()
    steps = [WAIT, SPLIT, send_step("thanks", BUYERS, hook)]
    version = make_live_journey(space=stage.space, definition=make_definition(*steps))
    buyer, *others = stage.people(4)
    stage.send(buyer, *others)
    stage.send(buyer, name="Order Completed")

    stage.go(hours=1)

    assert counts(version, "entry") == (4, 4, 4, 4, 0)
    assert counts(version, "wait") == (4, 4, 4, 4, 0)
    assert counts(version, "split") == (4, 4, 4, 1, 0)
    assert counts(version, "thanks") == (1, 1, 1, 0, 0)
    branches = StepCount.objects.filter(step_id=row_of(version, "split").pk).exclude(branch="")
    assert {row.branch: row.joined for row in branches} == {"true": 1, "false": 3}
    total = RunCount.objects.filter(version_id=version.pk).aggregate(Sum("entered"), Sum("completed"))
    assert total == {"entered__sum": 4, "completed__sum": 4}


def test_a_condition_is_waited_for_without_end(stage):
    """journeys.md §2: Add a condition."""
    version = make_live_journey(space=stage.space, definition=make_definition(UNTIL))
    profile = stage.person()
    stage.send(profile)
    stage.go(days=400)
    before = (waiting(version, "until"), here(version, "entry"))

    stage.send(profile, name="Order Completed")

    assert before == ({profile.id}, {profile.id})
    assert here(version, "until") == {profile.id}
    assert here(version, "entry") == set()
    assert counts(version, "until") == (1, 1, 1, 0, 0)


def test_other_events_do_not_end_a_wait(stage):
    version = make_live_journey(space=stage.space, definition=make_definition(UNTIL))
    profile = stage.person()
    stage.send(profile)

    stage.send(profile, name="Product Viewed")

    assert waiting(version, "until") == {profile.id}


def test_time_alone_ends_a_wait(stage):
    """Not having ordered for a day becomes true without an event: the verdict's recheck wakes the run."""
    idle = where({"event": "Product Viewed", "count": {"eq": 0}, "window": {"within": {"days": 1}}})
    step = {"id": "idle", "type": "condition", "after": "entry", "condition": idle}
    version = make_live_journey(space=stage.space, definition=make_definition(step))
    profile = stage.person()
    stage.track(profile, name="Product Viewed")
    stage.send(profile)
    before = positions_of(version)["idle"][0].wake_at
    stage.go(hours=23, minutes=59)
    still = waiting(version, "idle")

    stage.go(minutes=1)

    assert before == stage.now
    assert still == {profile.id}
    assert here(version, "idle") == {profile.id}


def test_a_written_trait_ends_a_wait(stage):
    step = {"id": "pro", "type": "condition", "after": "entry", "condition": where({"trait": "plan", "equals": "pro"})}
    version = make_live_journey(space=stage.space, definition=make_definition(step))
    profile = stage.person()
    stage.send(profile)
    stage.write_trait(profile, plan="pro")

    stage.settle()

    assert here(version, "pro") == {profile.id}


def test_an_identifier_that_appears_ends_a_wait(stage):
    """A race known from other products: an id that appears while a run waits."""
    known = where({"identifier": "email", "exists": True})
    hook = stage.hook()
    steps = [{"id": "mail", "type": "condition", "after": "entry", "condition": known}, send_step("hi", "mail", hook)]
    version = make_live_journey(space=stage.space, definition=make_definition(*steps))
    profile = stage.person()
    stage.send(profile)
    before = waiting(version, "mail")
    make_identifier(profile=profile, id_type="email", value="ada@example.com")
    stage.touch(profile)

    stage.settle()

    assert before == {profile.id}
    assert here(version, "hi") == {profile.id}
    assert [profile_id for profile_id, _ in stage.sent(version, "hi")] == [profile.id]


def test_an_id_that_appears_after_sending_is_sent_as_well(stage):
    hook = stage.hook()
    stage.space.resend_on_new_identifier = True
    stage.space.save()
    version = make_live_journey(space=stage.space, definition=make_definition(send_step("hi", "entry", hook)))
    profile = stage.person()
    stage.send(profile)
    before = len(stage.sent(version, "hi"))
    stage.clock.shift(timedelta(minutes=1))
    make_identifier(profile=profile, id_type="email", value="ada@example.com")
    stage.touch(profile)

    stage.settle()

    assert before == 1
    assert [profile_id for profile_id, _ in stage.sent(version, "hi")] == [profile.id, profile.id]
    assert len(runs_of(version)) == 1


def test_people_who_join_an_audience_are_judged_again(stage):
    """journeys.md §3: an audience reference reads the stored membership, history included."""
    buyers = create_audience(space=stage.space, name="Buyers", definition=ORDERED, created_by=None)
    run_backfills()
    member = where({"audience": buyers.key, "member": True})
    step = {"id": "in", "type": "condition", "after": "entry", "condition": member}
    version = make_live_journey(space=stage.space, definition=make_definition(step))
    profile = stage.person()
    stage.send(profile)
    before = waiting(version, "in")

    stage.send(profile, name="Order Completed")

    assert before == {profile.id}
    assert here(version, "in") == {profile.id}


def test_history_counts_through_an_audience_and_not_by_itself(stage):
    """journeys.md §3: audience reference yes; event no (later steps see only events after publication)."""
    buyers = create_audience(space=stage.space, name="Buyers", definition=ORDERED, created_by=None)
    profile = stage.person()
    stage.send(profile, name="Order Completed")
    run_backfills()
    stage.go(days=1)
    steps = [
        {
            "id": "both",
            "type": "multi_branch",
            "after": "entry",
            "branches": [{"id": "a", "name": "A"}, {"id": "b", "name": "B"}],
        },
        {
            "id": "member",
            "type": "condition",
            "after": {"step": "both", "branch": "a"},
            "condition": where({"audience": buyers.key, "member": True}),
        },
        {"id": "ordered", "type": "condition", "after": {"step": "both", "branch": "b"}, "condition": ORDERED},
    ]
    version = make_live_journey(space=stage.space, definition=make_definition(*steps))

    stage.send(profile)

    assert here(version, "member") == {profile.id}
    assert waiting(version, "ordered") == {profile.id}


def test_a_deleted_audience_is_read_as_it_was_last(stage):
    buyers = create_audience(space=stage.space, name="Buyers", definition=ORDERED, created_by=None)
    run_backfills()
    profile = stage.person()
    stage.send(profile, name="Order Completed")
    split = {
        "id": "split",
        "type": "true_false",
        "after": "entry",
        "condition": where({"audience": buyers.key, "member": True}),
    }
    version = make_live_journey(space=stage.space, definition=make_definition(split))
    set_enabled(audience=buyers, is_enabled=False, changed_by=None)
    Audience.objects.filter(pk=buyers.pk).update(deleted_at=stage.now)  # refused while a journey uses it

    stage.send(profile)

    assert positions_of(version)["split"][0].branch == "true"


def test_once_on_one_side_never_on_the_other(stage):
    """journeys.md §2: True/false split."""
    split = {"id": "split", "type": "true_false", "after": "entry", "condition": ORDERED}
    steps = [split, {"id": "no", "type": "delay", "after": OTHERS, "duration": {"days": 1}}]
    version = make_live_journey(space=stage.space, definition=make_definition(*steps))
    profile = stage.person()
    stage.send(profile)

    stage.send(profile, name="Order Completed")
    stage.go(days=2)

    assert [position.branch for position in positions_of(version)["split"]] == ["false"]
    assert passed(version, "no") == {profile.id}


def test_branches_of_a_multi_branch_split_do_not_shut_each_other_out(stage):
    """journeys.md §2: a user may enter several branches, also later."""
    names = ("Order Completed", "Cart Viewed", "Product Viewed")
    branches = [{"id": f"b{number}", "name": name} for number, name in enumerate(names)]
    steps = [{"id": "many", "type": "multi_branch", "after": "entry", "branches": branches}] + [
        {
            "id": f"c{number}",
            "type": "condition",
            "after": {"step": "many", "branch": f"b{number}"},
            "condition": where({"event": name}),
        }
        for number, name in enumerate(names)
    ]
    version = make_live_journey(space=stage.space, definition=make_definition(*steps))
    profile = stage.person()
    stage.send(profile)
    stage.send(profile, name="Cart Viewed")
    first = (here(version, "c1"), waiting(version, "c0"), waiting(version, "c2"))
    stage.go(days=3)

    stage.send(profile, name="Order Completed")

    assert first == ({profile.id}, {profile.id}, {profile.id})
    assert here(version, "c0") == {profile.id}
    assert waiting(version, "c2") == {profile.id}
    assert runs_of(version)[0].completed_at == stage.now - timedelta(days=3)


def test_a_random_split_draws_by_person_and_step(stage):
    """journeys.md §2: by weight, and the same branch again on re-entry."""
    parts = [{"id": "a", "name": "A", "percent": 30}, {"id": "b", "name": "B", "percent": 70}]
    step = {"id": "ab", "type": "random", "after": "entry", "branches": parts}
    definition = make_definition(step, exit_after={"days": 1}, reentry_after={"days": 1})
    version = make_live_journey(space=stage.space, definition=definition)
    people = stage.people(30)
    stage.send(*people)
    stage.go(days=1)

    stage.go(days=1)

    drawn = {person.id: draw(version.journey.public_id, "ab", person.segment_id) for person in people}
    expected = {person_id: "a" if number < 3_000 else "b" for person_id, number in drawn.items()}
    positions = positions_of(version)["ab"]
    assert len(positions) == 60
    assert {position.branch for position in positions} == {"a", "b"}
    assert all(position.branch == expected[position.profile_id] for position in positions)


def test_a_step_reached_over_two_ways_sends_once(stage):
    """journeys.md §2: Connect to existing step, sent only on first arrival."""
    hook = stage.hook()
    branches = [{"id": "a", "name": "A"}, {"id": "b", "name": "B"}]
    steps = [
        {"id": "many", "type": "multi_branch", "after": "entry", "branches": branches},
        {"id": "ca", "type": "condition", "after": {"step": "many", "branch": "a"}, "condition": ORDERED},
        {
            "id": "cb",
            "type": "condition",
            "after": {"step": "many", "branch": "b"},
            "condition": where({"event": "Cart Viewed"}),
        },
        send_step("mail", "ca", hook),
        {"id": "join", "type": "connect", "after": "cb", "to": "mail"},
    ]
    version = make_live_journey(space=stage.space, definition=make_definition(*steps))
    profile = stage.person()
    stage.send(profile)
    stage.send(profile, name="Order Completed")
    at = stage.now
    stage.go(days=1)

    stage.send(profile, name="Cart Viewed")

    assert stage.sent(version, "mail") == [(profile.id, ENTERED)]
    assert [position.joined_at for position in positions_of(version)["mail"]] == [at]
    assert here(version, "cb") == set()


def test_an_ad_is_taken_off_after_its_time_and_the_journey_goes_on(stage):
    """journeys.md §4.1: Show an ad removal time passed, event destination; §2: user stays in the journey."""
    hook = stage.hook()
    ad = send_step("ad", "entry", hook, type="show_ad", remove_after={"days": 2})
    steps = [ad, {"id": "later", "type": "delay", "after": "ad", "duration": {"days": 5}}]
    version = make_live_journey(space=stage.space, definition=make_definition(*steps))
    profile = stage.person()
    stage.send(profile)
    stage.go(days=1, hours=23)
    before = stage.sent(version, "ad")

    stage.go(hours=1)

    position = positions_of(version)["ad"][0]
    assert before == [(profile.id, ENTERED)]
    assert stage.sent(version, "ad") == [(profile.id, ENTERED), (profile.id, EXITED)]
    assert (position.removed_at, position.remove_at) == (stage.now, None)
    assert here(version, "later") == {profile.id}


def test_a_list_loses_people_when_the_time_of_the_ad_has_passed(stage):
    """journeys.md §4.1: Show an ad removal time passed, list destination."""
    lists = stage.hook(connector="webhook_list")
    ad = send_step("ad", "entry", lists, type="show_ad", remove_after={"hours": 2})
    version = make_live_journey(space=stage.space, definition=make_definition(ad))
    profile = stage.person()
    stage.send(profile)
    added = [(row.profile_id, row.is_add) for row in ListChange.objects.all()]
    ListChange.objects.all().delete()  # the list was synced

    stage.go(hours=2)

    assert added == [(profile.id, True)]
    assert [(row.profile_id, row.is_add) for row in ListChange.objects.all()] == [(profile.id, False)]
    assert positions_of(version)["ad"][0].removed_at == stage.now


def test_who_no_longer_meets_a_condition_stays_on_a_list(stage):
    """journeys.md §4.1: No longer meets the step's conditions, list destination: journey lists are add-only."""
    pro = where({"trait": "plan", "equals": "pro"})
    steps = [
        {"id": "pro", "type": "condition", "after": "entry", "condition": pro},
        send_step("hi", "pro", stage.hook(connector="webhook_list")),
    ]
    make_live_journey(space=stage.space, definition=make_definition(*steps))
    profile = stage.person(traits={"plan": "pro"})
    stage.send(profile)
    stage.write_trait(profile, plan="free")

    stage.settle()

    assert [(row.profile_id, row.is_add) for row in ListChange.objects.all()] == [(profile.id, True)]


def test_an_audience_list_loses_who_left_while_the_list_of_a_journey_keeps_them(stage):
    """F054, F055: journey lists are add-only, audience lists are not."""
    pro = where({"trait": "plan", "equals": "pro"})
    steps = [
        {"id": "pro", "type": "condition", "after": "entry", "condition": pro},
        send_step("hi", "pro", stage.hook(connector="webhook_list")),
    ]
    make_live_journey(space=stage.space, definition=make_definition(*steps))
    audience = create_audience(space=stage.space, name="Pros", definition=pro, created_by=None)
    spec = ConnectionSpec(destination=stage.hook(connector="webhook_list"))
    connection = connect_audience(audience=audience, spec=spec, connected_by=None)
    run_backfills()
    profile = stage.person()
    stage.send(profile)
    stage.write_trait(profile, plan="pro")
    stage.settle()
    added = ListChange.objects.filter(profile_id=profile.id, is_add=True).count()
    ListChange.objects.all().delete()  # the lists were synced

    stage.write_trait(profile, plan="free")
    stage.settle()

    assert added == 2
    assert [(row.connection_id, row.is_add) for row in ListChange.objects.all()] == [(connection.pk, False)]


def test_who_no_longer_meets_a_condition_stays_and_nothing_is_sent(stage):
    """journeys.md §4.1: No longer meets the step's conditions: nothing; §3: progress continues."""
    hook = stage.hook()
    pro = where({"trait": "plan", "equals": "pro"})
    steps = [{"id": "pro", "type": "condition", "after": "entry", "condition": pro}, send_step("hi", "pro", hook)]
    version = make_live_journey(space=stage.space, definition=make_definition(*steps))
    profile = stage.person(traits={"plan": "pro"})
    stage.send(profile)
    stage.write_trait(profile, plan="free")

    stage.settle()

    assert here(version, "hi") == {profile.id}
    assert stage.sent(version, "hi") == [(profile.id, ENTERED)]


def test_progress_continues_though_the_entry_condition_ended(stage):
    """journeys.md §3: a purchase during a delay does not stop the run."""
    entry = where({"event": "Order Completed", "count": {"eq": 0}})
    version = make_live_journey(space=stage.space, definition=make_definition(WAIT, SPLIT, entry=entry))
    profile = stage.person()
    stage.touch(profile)
    stage.settle()
    stage.send(profile, name="Order Completed")

    stage.go(hours=1)

    assert positions_of(version)["split"][0].branch == "true"


def test_anonymous_people_are_judged_inside_but_do_not_enter(stage):
    version = make_live_journey(space=stage.space, definition=make_definition(UNTIL))
    anonymous = stage.person(ids={"anonymous_id": "a-1"})
    stage.send(anonymous)

    stage.send(anonymous, name="Order Completed")

    assert runs_of(version) == []


def test_a_delay_at_the_end_completes_when_its_time_passed(stage):
    version = make_live_journey(space=stage.space, definition=make_definition(WAIT))
    stage.send(stage.person())
    before = runs_of(version)[0].completed_at

    stage.go(hours=1)

    run = runs_of(version)[0]
    assert before is None
    assert (run.completed_at, run.ended_at) == (stage.now, None)


def test_two_journeys_and_versions_are_judged_in_one_go(stage):
    first = make_live_journey(space=stage.space, definition=make_definition(UNTIL))
    second = make_live_journey(
        space=stage.space, definition=make_definition({**UNTIL, "condition": where({"event": "Cart Viewed"})})
    )
    profile = stage.person()
    stage.send(profile)

    stage.send(profile, name="Cart Viewed")

    assert waiting(first, "until") == {profile.id}
    assert here(second, "until") == {profile.id}
