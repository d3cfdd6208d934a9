"""Suppressed people: their calls are refused and leave nothing behind (ingestion-and-profiles.md §9)."""

from __future__ import annotations

import json

import pytest

from ingest.models import RejectedMessage
from ingest.received import Incoming, received_page
from ingest.tests.inbound_rows import codes, counts, identifiers, identify, ingest, profile_of, receive_text, track
from ingest.tests.inbound_rows import process as process_all
from profiles.models import ExternalId, Profile, Regulation, Suppression
from profiles.services.suppressions import Key, lift, suppress, suppressed_in
from spaces.models import Source, Space
from tests.factories import make_source, make_space

pytestmark = pytest.mark.django_db


@pytest.fixture
def source(space: Space) -> Source:
    return make_source(space=space)


def suppress_keys(space: Space, *keys: tuple[str, str], is_temporary: bool = False) -> int:
    regulation = Regulation.objects.create(space=space, kind=Regulation.Kind.SUPPRESS)
    return suppress(regulation=regulation, keys=[Key(*key) for key in keys], profile_id=None, is_temporary=is_temporary)


def test_calls_with_a_suppressed_identifier_are_refused_and_counted(source: Source, space: Space) -> None:
    suppress_keys(space, ("email", "ann@example.com"), ("user_id", "u1"))

    ingest(
        source,
        identify("m1", userId="u9", traits={"email": "Ann@Example.com"}),
        track("m2", userId="u1"),
        track("m3", userId="u2"),
    )

    assert counts(source) == (3, 1, 0, 2)
    assert codes(source) == ["suppressed", "suppressed"]
    assert set(ExternalId.objects.in_space(space).values_list("id_type", "value")) == {("user_id", "u2")}


def test_what_a_refused_call_said_is_not_kept(source: Source, space: Space) -> None:
    suppress_keys(space, ("email", "ann@example.com"))

    ingest(source, identify("m1", userId="u1", traits={"email": "ann@example.com"}), track("m2", userId="u2"))

    rejected = RejectedMessage.objects.get()
    assert (rejected.message, rejected.message_id) == ('{"removed":true}', None)
    shown = received_page(Incoming(space=space)).rows
    assert [(one.status, one.code, one.text) for one in shown][1] == ("rejected", "suppressed", '{"removed":true}')
    assert json.loads(shown[0].text)["userId"] == "u2"


def test_a_single_call_and_a_call_that_is_rejected_anyway_are_blanked_too(source: Source, space: Space) -> None:
    suppress_keys(space, ("user_id", "u1"))

    receive_text(source, json.dumps({"userId": "u1", "event": "Order Completed"}), call="track")
    receive_text(source, json.dumps({"userId": "u1"}), call="track")
    process_all()

    assert [one.text for one in received_page(Incoming(space=space)).rows] == ['{"removed":true}'] * 2
    assert codes(source) == ["suppressed", "suppressed"]


def test_another_space_and_another_type_are_not_concerned(source: Source, space: Space) -> None:
    elsewhere = make_source(space=make_space(workspace=space.workspace))
    suppress_keys(space, ("user_id", "u1"))

    ingest(elsewhere, track("m1", userId="u1"))
    ingest(source, track("m2", anonymousId="u1"))

    assert codes(elsewhere) == codes(source) == []
    assert identifiers(profile_of(space, "anonymous_id", "u1")) == {("anonymous_id", "u1")}


def test_lifting_takes_calls_in_again(source: Source, space: Space) -> None:
    suppress_keys(space, ("user_id", "u1"))

    lifted = lift(space_id=space.pk, keys=[Key("user_id", "u1"), Key("user_id", "u2")])
    ingest(source, track("m1", userId="u1"))

    assert lifted == 1
    assert counts(source) == (1, 1, 0, 0)
    assert suppressed_in(space.pk) is None


def test_the_list_holds_no_identifier(space: Space) -> None:
    suppress_keys(space, ("email", "ann@example.com"))

    stored = str(list(Suppression.objects.values_list()))

    assert "ann@example.com" not in stored
    assert Suppression.objects.get().digest != ""


def test_what_a_deletion_holds_back_for_its_time_can_be_suppressed_for_good(space: Space) -> None:
    suppress_keys(space, ("user_id", "u1"), is_temporary=True)

    lifted = lift(space_id=space.pk, keys=[Key("user_id", "u1")])
    new = suppress_keys(space, ("user_id", "u1"))

    assert (lifted, new) == (0, 0)
    assert Suppression.objects.get().is_temporary is False
    assert Profile.objects.in_space(space).count() == 0
