from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from delivery.services.emit import Change, emit_changes
from delivery.services.resending import resend_to_new_identifiers
from delivery.tests.builders import COMPUTATION_ID, make_connection, rows
from profiles.models import Profile
from spaces.models import Space
from tests.factories import make_profile

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


def member(space: Space) -> Profile:
    profile = make_profile(space=space, ids=[("user_id", "U1"), ("email", "a@example.com")])
    change = Change(profile_id=profile.id, value=True)
    emit_changes(space=space, computation_id=COMPUTATION_ID, changes=[change], now=NOW)
    return profile


def gain(profile: Profile, email: str) -> None:
    rows(
        "INSERT INTO external_id SELECT (jsonb_populate_record(e, jsonb_build_object('value', %s, 'original', %s))).* "
        "FROM external_id e WHERE profile_id = %s AND id_type = 'email' RETURNING 1",
        email,
        email,
        profile.id,
    )


@pytest.mark.parametrize(("is_on", "sent"), [(True, ["a@example.com", "b@example.com"]), (False, ["a@example.com"])])
def test_a_new_email_gets_a_call_of_its_own(space: Space, is_on: bool, sent: list[str]) -> None:
    make_connection(space=space)
    profile = member(space)
    gain(profile, "b@example.com")
    space.resend_on_new_identifier = is_on

    resend_to_new_identifiers(space=space, profile_ids=[profile.id], now=LATER)

    found = rows("SELECT payload::jsonb #>> '{context,traits,email}' FROM delivery ORDER BY id")
    assert [email for (email,) in found] == sent


def test_nothing_new_sends_nothing(space: Space) -> None:
    make_connection(space=space)
    profile = member(space)

    assert resend_to_new_identifiers(space=space, profile_ids=[profile.id], now=LATER) == 0
