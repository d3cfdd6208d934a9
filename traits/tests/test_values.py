"""The door for values that come from elsewhere: stored, shown, sent and read like computed ones."""

from __future__ import annotations

import json

import pytest
from django.utils import timezone

from audiences.models import ComputeStatus, Membership
from audiences.services.audiences import create_audience
from delivery.tests.builders import make_destination, rows
from engine.traits import KINDS, Kind, register
from tests import factories
from traits.models import Trait
from traits.services.connections import ConnectionSpec, connect
from traits.services.traits import create_trait
from traits.services.values import finish, profiles_with_value, write_values
from traits.tests.building import run_backfill, shown

pytestmark = pytest.mark.django_db


@pytest.fixture
def trait(space):
    kind = Kind(name="outside", label="Outside", summary="", value_type="any", origin="test", read=lambda raw, _: raw)
    register(kind)
    definition = {"version": 1, "collection": "users", "kind": "outside"}
    trait = create_trait(space=space, name="Score", definition=definition, created_by=None)
    run_backfill()
    yield trait
    del KINDS["outside"]


def test_written_values_are_shown_sent_and_read(space, trait):
    """F088: an equal value sends nothing, one that is gone sends null."""
    connection = connect(trait=trait, spec=ConnectionSpec(destination=make_destination(space=space)), connected_by=None)
    where = {"trait": "score", "greater_than": 5}
    audience = create_audience(
        space=space, name="High", definition={"version": 1, "collection": "users", "where": where}, created_by=None
    )
    high, low = (factories.make_profile(space=space, ids={"user_id": name}) for name in ("high", "low"))
    counts = [
        write_values(trait=trait, values={high.id: 9.5, low.id: 1}, now=timezone.now()),
        write_values(trait=trait, values={high.id: 9.50, low.id: 1}, now=timezone.now()),
        write_values(trait=trait, values={low.id: None, 987654: 3}, now=timezone.now()),
    ]
    finish(trait=trait, now=timezone.now())

    trait.refresh_from_db()
    payloads = [json.loads(row[0]) for row in rows("SELECT payload FROM delivery ORDER BY id")]
    members = Membership.objects.filter(audience_id=audience.pk, is_member=True)
    assert counts == [2, 0, 1]
    assert (shown(high), shown(low)) == ({"score": 9.5}, {})
    assert [(call["userId"], call["traits"]["score"]) for call in payloads] == [
        ("high", 9.5), ("low", 1), ("low", None),
    ]  # fmt: skip
    assert [row.profile_id for row in members] == [high.id]
    assert profiles_with_value(trait) == [high.id]
    assert (trait.status, trait.size, connection.computation_class) == (ComputeStatus.LIVE, 1, "trait")


def test_a_failed_run_says_why(trait):
    finish(trait=trait, now=timezone.now(), error="The warehouse refused the password.")

    found = Trait.objects.get()
    assert (found.status, found.status_detail) == (ComputeStatus.FAILED, "The warehouse refused the password.")
