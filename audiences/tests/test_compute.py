"""Real time, rechecks and backfill store exactly the right members and queue exactly the right calls."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from audiences.models import Audience, ChangedProfiles, ComputeRun, ComputeStatus, Membership
from audiences.services import audiences as services
from audiences.services import backfill, planning
from audiences.services.backfill import claim_run, work
from audiences.services.compute import compute_block, evaluated_audiences, recheck_block
from tests import factories

pytestmark = pytest.mark.django_db

BUYERS = {"version": 1, "collection": "users", "where": {"event": "Order Completed", "count": {"gte": 2}}}


def run_backfill(**options):
    while run := claim_run():
        work(run, **options)


def touch(space, *profiles, events=None, traits=None):
    ChangedProfiles.objects.create(
        space_id=space.pk,
        profile_ids=[profile.id for profile in profiles],
        events=events,
        traits=traits,
        max_received_at=timezone.now(),
    )


def member_ids(audience):
    rows = Membership.objects.filter(audience_id=audience.pk, is_member=True)
    return set(rows.values_list("profile_id", flat=True))


def order(space, profile, ts=None, **properties):
    return factories.make_event(profile=profile, name="Order Completed", ts=ts or timezone.now(), properties=properties)


def test_backfill_finds_members_and_goes_live(space, owner):
    buyer, other = factories.make_profile(space=space), factories.make_profile(space=space)
    order(space, buyer), order(space, buyer), order(space, other)

    audience = services.create_audience(space=space, name="Buyers", definition=BUYERS, created_by=owner)
    run_backfill()

    audience.refresh_from_db()
    assert member_ids(audience) == {buyer.id}
    assert (audience.status, audience.size) == (ComputeStatus.LIVE, 1)


def test_backfill_in_slices_equals_one_pass(space, owner):
    buyers = [factories.make_profile(space=space) for _ in range(7)]
    for buyer in buyers:
        order(space, buyer), order(space, buyer)

    audience = services.create_audience(space=space, name="Buyers", definition=BUYERS, created_by=owner)
    run_backfill(slice_profiles=2)

    run = ComputeRun.objects.get()
    assert member_ids(audience) == {buyer.id for buyer in buyers}
    assert (run.state, run.profiles_done, run.profiles_total) == ("done", 7, 7)


@pytest.mark.parametrize(("cost", "slices"), [(1e12, 1), (1e-9, 3)])
def test_a_backfill_that_is_expected_to_take_long_goes_in_slices(space, owner, monkeypatch, cost, slices):
    """PostgreSQL's estimate decides; never fewer than FIRST_PROFILES at once."""
    monkeypatch.setattr(planning, "SLICE_COST", cost)
    monkeypatch.setattr(backfill, "FIRST_PROFILES", 2)
    monkeypatch.setattr(backfill, "_next_size", lambda size, seconds: size)
    taken = []
    advance = backfill.runs.advance
    monkeypatch.setattr(backfill.runs, "advance", lambda run, **told: taken.append(told) or advance(run, **told))
    for _ in range(5):
        order(space, factories.make_profile(space=space))

    audience = services.create_audience(
        space=space,
        name="Buyers",
        definition={"version": 1, "collection": "users", "where": {"event": "Order Completed"}},
        created_by=owner,
    )
    run_backfill()

    assert len(taken) == slices
    assert sum(told["count"] for told in taken) == 5
    assert len(member_ids(audience)) == 5


def test_a_killed_backfill_is_carried_on_from_its_position(space, owner):
    buyers = [factories.make_profile(space=space) for _ in range(5)]
    for buyer in buyers:
        order(space, buyer), order(space, buyer)
    audience = services.create_audience(space=space, name="Buyers", definition=BUYERS, created_by=owner)
    claim_run()
    with time_machine.travel(timezone.now() + timedelta(minutes=6), tick=False):
        run_backfill(slice_profiles=2)

    audience.refresh_from_db()
    assert member_ids(audience) == {buyer.id for buyer in buyers}
    assert audience.size == 5


def test_what_is_evaluated_is_remembered_by_content(space, owner, django_assert_num_queries):
    made = [
        services.create_audience(space=space, name=name, definition=BUYERS, created_by=owner) for name in ("A", "B")
    ]
    evaluated_audiences(space)
    with django_assert_num_queries(1):
        before = evaluated_audiences(space)
    once = {**BUYERS, "where": {"event": "Order Completed"}}
    Audience.objects.filter(pk=made[0].pk).update(definition=once)
    Audience.objects.filter(pk=made[1].pk).update(is_enabled=False)

    (changed,) = evaluated_audiences(space)

    assert [item.audience for item in before] == made
    assert (changed.audience, changed.audience.definition) == (made[0], once)
    assert changed.condition.where.count.number == 1


def test_events_make_members_in_real_time(space, owner):
    audience = services.create_audience(space=space, name="Buyers", definition=BUYERS, created_by=owner)
    run_backfill()
    buyer = factories.make_profile(space=space)
    order(space, buyer), order(space, buyer)
    touch(space, buyer, events=["track:Order Completed"], traits=[])

    taken = compute_block(space=space)

    audience.refresh_from_db()
    assert taken == 1
    assert member_ids(audience) == {buyer.id}
    assert audience.size == 1
    assert not ChangedProfiles.objects.exists()


def test_other_events_evaluate_nothing(space, owner):
    audience = services.create_audience(space=space, name="Buyers", definition=BUYERS, created_by=owner)
    run_backfill()
    buyer = factories.make_profile(space=space)
    order(space, buyer), order(space, buyer)
    touch(space, buyer, events=["track:Product Viewed"], traits=["plan"])

    compute_block(space=space)

    assert member_ids(audience) == set()


def test_a_written_trait_moves_people_in_and_out(space, owner):
    definition = {"version": 1, "collection": "users", "where": {"trait": "plan", "equals": "pro"}}
    audience = services.create_audience(space=space, name="Pros", definition=definition, created_by=owner)
    run_backfill()
    profile = factories.make_profile(space=space, traits={"plan": "pro"})
    touch(space, profile, events=[], traits=["plan"])
    compute_block(space=space)
    entered = member_ids(audience)
    type(profile).objects.filter(id=profile.id).update(traits={"plan": "free"})
    touch(space, profile, events=[], traits=["plan"])

    compute_block(space=space)

    audience.refresh_from_db()
    assert entered == {profile.id}
    assert member_ids(audience) == set()
    assert audience.size == 0


def test_a_window_expires_without_a_new_event(space, owner):
    """F072, membership half."""
    window = {"within": {"days": 30}}
    definition = {"version": 1, "collection": "users", "where": {"event": "Order Completed", "window": window}}
    profile = factories.make_profile(space=space)
    order(space, profile)
    audience = services.create_audience(space=space, name="Recent", definition=definition, created_by=owner)
    run_backfill()
    before = member_ids(audience)

    with time_machine.travel(timezone.now() + timedelta(days=30, seconds=1), tick=False):
        due = recheck_block(space=space)
        again = recheck_block(space=space)

    audience.refresh_from_db()
    assert before == {profile.id}
    assert (due, again) == (1, 0)
    assert member_ids(audience) == set()
    assert audience.size == 0


def test_audiences_follow_the_audiences_they_reference(space, owner):
    buyers = services.create_audience(space=space, name="Buyers", definition=BUYERS, created_by=owner)
    definition = {
        "version": 1,
        "collection": "users",
        "where": {"all": [{"audience": buyers.key, "member": True}, {"trait": "plan", "equals": "pro"}]},
    }
    top = services.create_audience(space=space, name="Top", definition=definition, created_by=owner)
    run_backfill()
    profile = factories.make_profile(space=space, traits={"plan": "pro"})
    order(space, profile), order(space, profile)
    touch(space, profile, events=["track:Order Completed"], traits=[])

    compute_block(space=space)

    assert member_ids(buyers) == {profile.id}
    assert member_ids(top) == {profile.id}


def test_without_history_only_later_events_count(space, owner):
    """F122, F123."""
    definition = {"version": 1, "collection": "users", "where": {"event": "Order Completed"}}
    early = factories.make_profile(space=space)
    factories.make_event(profile=early, name="Order Completed", received_at=timezone.now() - timedelta(days=1))
    audience = services.create_audience(
        space=space, name="New buyers", definition=definition, created_by=owner, include_historical=False
    )
    run_backfill()
    late = factories.make_profile(space=space)
    factories.make_event(profile=late, name="Order Completed", ts=timezone.now(), received_at=timezone.now())
    touch(space, late, events=["track:Order Completed"], traits=[])

    compute_block(space=space)

    assert Audience.objects.get(pk=audience.pk).include_historical is False
    assert member_ids(audience) == {late.id}


def test_a_disabled_audience_computes_nothing(space, owner):
    audience = services.create_audience(space=space, name="Buyers", definition=BUYERS, created_by=owner)
    run_backfill()
    services.set_enabled(audience=audience, is_enabled=False, changed_by=owner)
    profile = factories.make_profile(space=space)
    order(space, profile), order(space, profile)
    touch(space, profile)

    compute_block(space=space)

    audience.refresh_from_db()
    assert member_ids(audience) == set()
    assert audience.status == ComputeStatus.DISABLED
