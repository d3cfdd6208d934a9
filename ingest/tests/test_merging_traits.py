"""Merged profiles and what is computed of their events."""

from __future__ import annotations

import pytest
from django.utils import timezone

from audiences.services.compute import compute_block
from ingest.merging import merge_profiles
from profiles.models import Profile
from tests import factories
from traits.models import Trait
from traits.tests.building import make_trait, order, shown, touch, values

pytestmark = pytest.mark.django_db


def test_merged_profiles_have_one_value_of_all_their_events(space):
    trait = make_trait(space=space)
    winner, loser = factories.make_profile(space=space), factories.make_profile(space=space)
    order(winner, 10), order(loser, 5)
    touch(space, winner, loser)
    compute_block(space=space)
    sizes = [Trait.objects.get().size]
    merge_profiles(space_id=space.pk, survivors={loser.id: winner.id}, now=timezone.now())
    sizes.append(Trait.objects.get().size)
    touch(space, winner, events=None, traits=None)

    compute_block(space=space)

    assert sizes == [2, 1]
    assert values(trait) == {winner.id: 15}
    assert shown(winner) == {"total_revenue": 15}
    assert not Profile.objects.filter(id=loser.id).exists()
