"""Real time, rechecks and backfill store exactly the right values, and audiences see them at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from audiences.models import ComputeStatus, Membership
from audiences.services import audiences as audience_services
from audiences.services.backfill import claim_run as claim_audience_run
from audiences.services.backfill import work as work_audience_run
from audiences.services.compute import compute_block
from profiles.services.traits import update_traits
from tests import factories
from traits.models import Trait, TraitRun, TraitValue
from traits.services import traits as services
from traits.services.backfill import claim_run, work
from traits.services.compute import recheck_block
from traits.tests.building import ORDERS, REVENUE, make_trait, order, run_backfill, shown, touch, values

pytestmark = pytest.mark.django_db


def make_audience(space, where, name="Spenders"):
    audience = audience_services.create_audience(
        space=space, name=name, definition={"version": 1, "collection": "users", "where": where}, created_by=None
    )
    while run := claim_audience_run():
        work_audience_run(run)
    return audience


def member_ids(audience):
    rows = Membership.objects.filter(audience_id=audience.pk, is_member=True)
    return set(rows.values_list("profile_id", flat=True))


def test_backfill_computes_everybody_and_goes_live(space, owner):
    buyer, other = factories.make_profile(space=space), factories.make_profile(space=space)
    order(buyer, 450.25), order(buyer, 49.75), order(buyer, "7")

    trait = make_trait(space=space)

    assert trait.status == ComputeStatus.LIVE
    assert trait.size == 1
    assert values(trait) == {buyer.id: 500}
    assert shown(buyer) == {"total_revenue": 500}
    assert shown(other) == {}


def test_a_killed_backfill_is_carried_on_from_its_position(space):
    buyers = [factories.make_profile(space=space) for _ in range(5)]
    for buyer in buyers:
        order(buyer)
    trait = services.create_trait(space=space, name="Total revenue", definition=REVENUE, created_by=None)
    work(claim_run(), slice_profiles=2)
    TraitRun.objects.update(state="running", next_profile_id=buyers[1].id, profiles_done=2)
    TraitValue.objects.filter(profile_id__gt=buyers[1].id).delete()
    Trait.objects.update(size=2)
    with time_machine.travel(timezone.now() + timedelta(minutes=6), tick=False):
        run_backfill(slice_profiles=2)

    trait.refresh_from_db()
    run = TraitRun.objects.get()
    assert values(trait) == {buyer.id: 10 for buyer in buyers}
    assert (trait.status, trait.size) == (ComputeStatus.LIVE, 5)
    assert (run.state, run.profiles_done, run.profiles_total) == ("done", 5, 5)


def test_a_cancelled_backfill_stops_and_can_be_refreshed(space, owner):
    buyer = factories.make_profile(space=space)
    order(buyer)
    trait = services.create_trait(space=space, name="Total revenue", definition=REVENUE, created_by=None)
    run = claim_run()
    services.cancel_run(trait=trait, cancelled_by=owner)
    work(run)
    trait.refresh_from_db()
    cancelled = (trait.status, values(trait))

    services.refresh_trait(trait=trait, refreshed_by=owner)
    run_backfill()

    trait.refresh_from_db()
    assert cancelled == (ComputeStatus.FAILED, {})
    assert (trait.status, values(trait)) == (ComputeStatus.LIVE, {buyer.id: 10})


def test_events_change_values_in_real_time(space):
    trait = make_trait(space=space)
    buyer = factories.make_profile(space=space)
    order(buyer, 30)
    touch(space, buyer)

    compute_block(space=space)

    trait.refresh_from_db()
    assert values(trait) == {buyer.id: 30}
    assert shown(buyer) == {"total_revenue": 30}
    assert trait.size == 1


def test_other_events_compute_nothing(space):
    trait = make_trait(space=space)
    buyer = factories.make_profile(space=space)
    order(buyer, 30)
    touch(space, buyer, events=["track:Product Viewed"], traits=["plan"])

    compute_block(space=space)

    assert values(trait) == {}


def test_audiences_that_read_a_trait_follow_in_the_same_block(space):
    make_trait(space=space)
    audience = make_audience(space, {"trait": "total_revenue", "greater_or_equal": 500})
    buyer = factories.make_profile(space=space)
    order(buyer, 499)
    touch(space, buyer)
    compute_block(space=space)
    before = member_ids(audience)
    order(buyer, 1)
    touch(space, buyer)

    compute_block(space=space)

    assert before == set()
    assert member_ids(audience) == {buyer.id}


def test_a_window_expires_without_a_new_event_and_audiences_follow(space):
    """W052: values follow the clock."""
    window = {"event": "Order Completed", "window": {"within": {"days": 30}}}
    trait = make_trait(space=space, definition=REVENUE | {"event": window})
    counter = make_trait(space=space, name="Orders", definition=ORDERS | {"event": window})
    audience = make_audience(space, {"trait": "orders", "equals": 0}, name="Lapsed")
    buyer = factories.make_profile(space=space)
    order(buyer, 30)
    touch(space, buyer)
    compute_block(space=space)
    before = (shown(buyer), member_ids(audience))

    with time_machine.travel(timezone.now() + timedelta(days=30, seconds=1), tick=False):
        due = recheck_block(space=space)
        again = recheck_block(space=space)

    trait.refresh_from_db()
    assert before == ({"total_revenue": 30, "orders": 1}, set())
    assert (due, again) == (2, 0)
    assert shown(buyer) == {"orders": 0}
    assert (trait.size, values(trait), values(counter)) == (0, {}, {buyer.id: 0})
    assert member_ids(audience) == {buyer.id}


def test_a_trait_may_compare_with_another_one(space):
    definition = ORDERS | {
        "event": {
            "event": "Order Completed",
            "properties": [{"property": "revenue", "equals": {"trait": "largest_order"}}],
        }
    }
    make_trait(space=space, name="Largest order", definition=REVENUE | {"aggregate": "max"})
    make_trait(space=space, name="Times largest", definition=definition)
    buyer = factories.make_profile(space=space)
    order(buyer, 5), order(buyer, 9), order(buyer, 9)
    touch(space, buyer)

    compute_block(space=space)

    assert shown(buyer) == {"largest_order": 9, "times_largest": 2}


def test_a_call_does_not_overwrite_a_computed_value(space):
    trait = make_trait(space=space)
    buyer = factories.make_profile(space=space)
    order(buyer, 30)
    touch(space, buyer)
    compute_block(space=space)
    update_traits(
        space_id=space.pk, profile_id=buyer.id, traits={"total_revenue": 1, "plan": "pro"}, at=0, now=timezone.now()
    )
    touch(space, buyer, events=[], traits=["total_revenue", "plan"])

    compute_block(space=space)

    assert shown(buyer) == {"total_revenue": 30, "plan": "pro"}
    assert values(trait) == {buyer.id: 30}


def test_account_traits_follow_the_events_of_all_users(space):
    """F067, computing half: an account's value is made of the events of its users."""
    definition = REVENUE | {"collection": "accounts"}
    users = [factories.make_profile(space=space) for _ in range(2)]
    account = factories.make_account(space=space, users=users)
    trait = make_trait(space=space, name="Account revenue", definition=definition)
    order(users[0], 5), order(users[1], 7)
    touch(space, *users)

    compute_block(space=space)

    assert values(trait) == {account.id: 12}
    assert shown(account) == {"account_revenue": 12}
    assert shown(users[0]) == {}


def test_without_history_only_later_events_count(space):
    buyer = factories.make_profile(space=space)
    order(buyer, 10, received_at=timezone.now() - timedelta(days=1))
    trait = make_trait(space=space, include_historical=False)
    order(buyer, 3, received_at=timezone.now())
    touch(space, buyer)

    compute_block(space=space)

    assert values(trait) == {buyer.id: 3}


def test_a_disabled_trait_computes_nothing_and_keeps_its_values(space, owner):
    buyer = factories.make_profile(space=space)
    order(buyer, 10)
    trait = make_trait(space=space)
    services.set_enabled(trait=trait, is_enabled=False, changed_by=owner)
    order(buyer, 5)
    touch(space, buyer)
    compute_block(space=space)
    kept = shown(buyer)

    services.set_enabled(trait=trait, is_enabled=True, changed_by=owner)
    run_backfill()

    assert kept == {"total_revenue": 10}
    assert shown(buyer) == {"total_revenue": 15}


def test_a_deleted_trait_leaves_its_value_as_a_custom_trait(space, owner):
    """W055."""
    buyer = factories.make_profile(space=space)
    order(buyer, 10)
    trait = make_trait(space=space)
    services.set_enabled(trait=trait, is_enabled=False, changed_by=owner)
    services.delete_trait(trait=trait, deleted_by=owner)
    update_traits(space_id=space.pk, profile_id=buyer.id, traits={"total_revenue": 1}, at=1, now=timezone.now())

    assert shown(buyer) == {"total_revenue": 1}
    assert not TraitValue.objects.exists()
