"""A member gains an identifier by an incoming call: what was sent is sent with it too (destinations-and-sync.md §2)."""

from __future__ import annotations

import json

import pytest

from audiences.services import audiences
from audiences.services.backfill import claim_run, work
from audiences.services.compute import compute_block
from audiences.services.connections import ConnectionSpec
from delivery.models import Delivery
from delivery.tests.builders import make_destination
from ingest.tests.inbound_rows import identify, ingest, track
from profiles.services.identity_rules import forget_identity_rules
from spaces.models import Source, Space, User
from tests.factories import make_source

pytestmark = pytest.mark.django_db

ORDERED = {"version": 1, "collection": "users", "where": {"event": "Order Completed"}}


@pytest.fixture
def source(space: Space, owner: User) -> Source:
    """Of a space whose buyers are sent to a destination as Track calls."""
    forget_identity_rules()
    spec = ConnectionSpec(destination=make_destination(space=space), send_identify=False)
    audiences.create_audience(space=space, name="Buyers", definition=ORDERED, created_by=owner, destinations=[spec])
    while run := claim_run():
        work(run)
    return make_source(space=space)


def sent() -> list[tuple[str, str | None, str | None]]:
    """(event, user id, e-mail) of each call, oldest first."""
    calls = [json.loads(row.payload) for row in Delivery.objects.order_by("id")]
    return [(call["event"], call.get("userId"), call["context"].get("traits", {}).get("email")) for call in calls]


@pytest.mark.parametrize(
    ("is_on", "again"), [(True, [("Audience Entered", "U1", "a@x.com")]), (False, [])], ids=["F099", "F100"]
)
def test_an_added_email_sends_the_unchanged_membership_with_it(
    source: Source, space: Space, is_on: bool, again: list[tuple[str, str, str]]
) -> None:
    """F099, F100."""
    space.resend_on_new_identifier = is_on
    space.save()
    ingest(source, track("m1", "Order Completed", userId="U1"))
    compute_block(space=space)
    first = sent()

    ingest(source, identify("m2", userId="U1", traits={"email": "a@x.com"}))
    compute_block(space=space)
    ingest(source, identify("m3", userId="U1", traits={"email": "a@x.com", "plan": "gold"}))
    compute_block(space=space)

    assert first == [("Audience Entered", "U1", None)]
    assert sent()[1:] == again


def test_merging_sends_the_identifiers_that_the_member_gained(source: Source, space: Space) -> None:
    ingest(source, track("m1", "Order Completed", userId="U1"))
    ingest(source, identify("m2", anonymousId="A1", traits={"email": "a@x.com"}))
    compute_block(space=space)

    ingest(source, identify("m3", anonymousId="A1", userId="U1"))
    compute_block(space=space)

    assert sent() == [("Audience Entered", "U1", None), ("Audience Entered", "U1", "a@x.com")]
