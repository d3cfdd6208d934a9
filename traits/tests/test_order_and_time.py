"""Stored values are those of plain Python, computed at once, as events arrive in any order, and as time passes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiences.compiler import Everyone
from audiences.services.compute import compute_block
from delivery.tests.builders import make_destination, rows
from profiles.models import Profile
from tests import factories
from traits.models import TraitValue
from traits.services.compute import evaluate, evaluated_traits, recheck_block
from traits.services.connections import ConnectionSpec, connect
from traits.services.traits import refresh_trait
from traits.tests.building import make_trait, run_backfill, shown, touch

pytestmark = pytest.mark.django_db
NOW = timezone.now().replace(microsecond=0)
BIG = [{"property": "revenue", "greater_than": 4}]
WINDOW = {"within": {"hours": 24}}
VALUES = ["shoes", "hats", "bags"]
HISTORIES = st.lists(
    st.tuples(st.integers(0, 4_000), st.sampled_from(VALUES), st.integers(1, 9)), min_size=1, max_size=7
)
few = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


def most_frequent(values):
    often = {value: values.count(value) for value in values if values.count(value) >= 2}
    return min(often, key=lambda value: (-often[value], value), default=None)


# The reference: what a value is of (category, revenue) in the order of time, said once more and plainly.
REFERENCE = {
    "event_counter": len,
    "sum": lambda events: sum(revenue for _, revenue in events) if events else None,
    "min": lambda events: min((revenue for _, revenue in events), default=None),
    "max": lambda events: max((revenue for _, revenue in events), default=None),
    "avg": lambda events: (
        float(round(Decimal(sum(revenue for _, revenue in events)) / len(events), 10)) if events else None
    ),
    "most_frequent": lambda events: most_frequent([category for category, _ in events]),
    "first": lambda events: events[0][0] if events else None,
    "last": lambda events: events[-1][0] if events else None,
    "unique_list": lambda events: sorted({category for category, _ in events}) or None,
    "unique_list_count": lambda events: len({category for category, _ in events}),
}
PLACES = [
    {"collection": collection, "event": {"event": "Order Completed", **more}}
    for collection in ("users", "accounts")
    for more in ({}, {"window": WINDOW}, {"properties": BIG}, {"window": WINDOW, "properties": BIG})
]


def definition(kind, place):
    made = {"version": 1, "kind": "aggregation" if kind in {"sum", "min", "max", "avg"} else kind, **place}
    if made["kind"] == "aggregation":
        return made | {"aggregate": kind, "property": "revenue"}
    return made if kind == "event_counter" else made | {"property": "category"}


def expected(kind, place, history, now):
    event = place["event"]
    passing = [one for one in history if "properties" not in event or one[2] > 4]
    inside = [one for one in passing if "window" not in event or NOW - timedelta(minutes=one[0]) > now - DAY]
    if not passing and kind in {"event_counter", "unique_list_count"}:
        return None
    # No two events of a history are at the same minute.
    return REFERENCE[kind]([(category, revenue) for _, category, revenue in sorted(inside, reverse=True)])


DAY = timedelta(hours=24)


@pytest.fixture
def watched(space):
    """Every kind at every place, computed before anything happens."""
    cases = [(kind, place) for kind in REFERENCE for place in PLACES]
    return [
        (kind, place, make_trait(space=space, name=f"T{number}", definition=definition(kind, place)))
        for number, (kind, place) in enumerate(cases)
    ]


@few
@given(HISTORIES.map(lambda found: list({one[0]: one for one in found}.values())), st.integers(0, 6), st.data())
def test_every_kind_is_what_plain_python_says(space, watched, history, cut, data):
    """W050, W051, F067: bit by bit, of users and accounts, with windows and conditions, later on, and all at once."""
    user = factories.make_profile(space=space)
    account = factories.make_account(space=space, users=[user])
    holders = {"users": user, "accounts": account}
    with time_machine.travel(NOW, tick=False):
        arriving = data.draw(st.permutations(history))
        for number, (minutes, category, revenue) in enumerate(arriving):
            properties = {"category": category, "revenue": revenue}
            factories.make_event(profile=user, ts=NOW - timedelta(minutes=minutes), properties=properties)
            if number in {cut, len(arriving) - 1}:
                touch(space, user)
                while compute_block(space=space):
                    pass

    for at in (NOW, NOW + timedelta(minutes=data.draw(st.integers(1, 1_500)))):
        with time_machine.travel(at, tick=False):
            while recheck_block(space=space):
                pass
        wanted = [(expected(kind, place, history, at)) for kind, place, _ in watched]
        keys = [(place["collection"], trait.key) for _, place, trait in watched]

        for collection, holder in holders.items():
            stored = dict(
                TraitValue.objects.filter(profile_id=holder.id, value__isnull=False).values_list("trait_id", "value")
            )
            own = [trait.pk for _, place, trait in watched if place["collection"] == collection]
            values = [value for (owner, _), value in zip(keys, wanted, strict=True) if owner == collection]
            assert [stored.get(pk) for pk in own] == values
            named = {key: value for (owner, key), value in zip(keys, wanted, strict=True) if owner == collection}
            assert shown(holder) == {key: value for key, value in named.items() if value is not None}
        # Computing everybody at once finds nothing to change.
        assert evaluate(space=space, traits=evaluated_traits(space), scope=Everyone(), now=at) == []
    TraitValue.objects.all().delete()
    Profile.objects.all().delete()


def test_computing_everybody_again_sends_nothing(space):
    """F088: not one call for a value that is as it was."""
    profile = factories.make_profile(space=space)
    factories.make_event(profile=profile, properties={"category": "hats", "revenue": 5}, ts=NOW)
    traits = [make_trait(space=space, name=kind, definition=definition(kind, PLACES[0])) for kind in REFERENCE]
    for trait in traits:
        connect(trait=trait, spec=ConnectionSpec(destination=make_destination(space=space)), connected_by=None)
    before = rows("SELECT count(*) FROM delivery")
    for trait in traits:
        refresh_trait(trait=trait, refreshed_by=None)
    run_backfill()
    touch(space, profile)
    while compute_block(space=space):
        pass

    assert rows("SELECT count(*) FROM delivery") == before
