"""Members are the same whatever the order in which events come, and explain foretells when time alone changes them."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiences.models import Membership
from audiences.selectors.explaining import explain_membership
from audiences.services.compute import compute_block, recheck_block
from audiences.tests.test_compute import touch
from audiences.tests.test_explaining import audience_of
from tests import factories

pytestmark = pytest.mark.django_db
NOW = timezone.now().replace(microsecond=0)
VIEWED, ORDERED = {"event": "Product Viewed"}, {"event": "Order Completed"}
WHERE = {
    "twice": ORDERED | {"count": {"gte": 2}},
    "window": VIEWED | {"count": {"gte": 2}, "window": {"within": {"hours": 2}}},
    "not lately": {
        "all": [VIEWED, ORDERED | {"count": {"eq": 0}, "window": {"within": {"days": 1}}}],
    },
    "funnel": VIEWED | {"then": {"event": "Order Completed", "performed": True, "within": {"hours": 1}}},
    "abandoned": VIEWED | {"then": {"event": "Order Completed", "performed": False, "within": {"hours": 1}}},
    "group": {
        "any": [
            ORDERED | {"count": {"gte": 3}},
            {"all": [VIEWED | {"window": {"within": {"minutes": 30}}}, {"not": ORDERED}]},
        ]
    },
}
HISTORIES = st.lists(
    st.tuples(st.sampled_from([VIEWED["event"], ORDERED["event"]]), st.integers(0, 3_000)), min_size=1, max_size=7
)
few = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture
def watched(space):
    return {name: audience_of(space, where) for name, where in WHERE.items()}


def arrive(space, profile, history, *, cuts):
    """Events in this order, evaluated after each of the places in `cuts`."""
    for place, (name, minutes) in enumerate(history):
        factories.make_event(profile=profile, name=name, ts=NOW - timedelta(minutes=minutes))
        if place in cuts or place == len(history) - 1:
            touch(space, profile, events=sorted({f"track:{name}" for name, _ in history}), traits=[])
            while compute_block(space=space):
                pass


def is_in(audience, profile):
    return Membership.objects.filter(audience_id=audience.pk, profile_id=profile.id, is_member=True).exists()


@few
@given(data=st.data(), history=HISTORIES)
def test_any_order_of_the_same_events_makes_the_same_members(space, watched, data, history):
    """F060 F061: what counts is when things happened, not when they were heard of."""
    cuts = st.sets(st.integers(0, len(history) - 1))
    one, other = factories.make_profile(space=space), factories.make_profile(space=space)

    with time_machine.travel(NOW, tick=False):
        arrive(space, one, history, cuts=data.draw(cuts))
        arrive(space, other, data.draw(st.permutations(history)), cuts=data.draw(cuts))
        found = {name: [is_in(audience, profile) for profile in (one, other)] for name, audience in watched.items()}
        told = {
            name: explain_membership(audience=audience, profile=one, shows_pii=True).is_member
            for name, audience in watched.items()
        }

    assert found == {name: [verdict, verdict] for name, verdict in told.items()}


@few
@given(name=st.sampled_from(sorted(WHERE)), history=HISTORIES)
def test_the_foretold_instant_is_the_one_at_which_the_membership_changes(space, watched, name, history):
    """F072: no new event, and within one look of the scheduler (it looks every second)."""
    audience, profile = watched[name], factories.make_profile(space=space)
    with time_machine.travel(NOW, tick=False):
        arrive(space, profile, history, cuts=set())
        told = explain_membership(audience=audience, profile=profile, shows_pii=True)
    before = told.is_member

    with time_machine.travel((told.changes_at or NOW + timedelta(days=900)) - timedelta(seconds=1), tick=False):
        recheck_until_done(space)
        just_before = is_in(audience, profile)
    if told.changes_at is not None:
        with time_machine.travel(told.changes_at + timedelta(seconds=1), tick=False):
            recheck_until_done(space)
            after = is_in(audience, profile)

    assert just_before is before
    assert told.changes_at is None or after is not before


def recheck_until_done(space):
    while recheck_block(space=space):
        pass
