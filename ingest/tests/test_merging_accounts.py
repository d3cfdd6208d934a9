"""Merging accounts: who depends on them is evaluated anew."""

from __future__ import annotations

import pytest
from django.utils import timezone

from audiences.services.compute import compute_block
from audiences.tests.test_accounts import accounts, make_audience, user
from audiences.tests.test_compute import member_ids, touch
from ingest.merging import merge_profiles
from tests import factories

pytestmark = pytest.mark.django_db


def test_the_users_of_merged_accounts_are_evaluated_anew(space, owner):
    first, second = user(space, "first"), user(space, "second")
    loser = factories.make_account(space=space, traits={"on": True}, users=[first])
    winner = factories.make_account(space=space, users=[second])
    firms = make_audience(space, owner, accounts({"trait": "on", "equals": True}))
    inside = {"version": 1, "collection": "users", "where": {"audience": firms.key, "member": True}}
    people = make_audience(space, owner, inside, name="People")
    before = member_ids(people)
    type(winner).objects.filter(id=winner.id).update(traits={"on": True})
    merge_profiles(space_id=space.pk, survivors={loser.id: winner.id}, now=timezone.now())
    touch(space, winner)

    while compute_block(space=space):
        pass

    assert before == {first.id}
    assert member_ids(firms) == {winner.id}
    assert member_ids(people) == {first.id, second.id}
