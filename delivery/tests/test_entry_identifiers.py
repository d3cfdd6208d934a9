"""Lists that find people by some identifiers only, or by the newest alone (F130)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from delivery.services.resending import resend_to_new_identifiers
from delivery.tests.builders import make_connection, make_destination, rows
from delivery.tests.emitting import LATER, NOW, emit
from spaces.models import Space
from tests.factories import make_identifier, make_profile

CUSTOMIZED = {"setup": "customized", "trait_mappings": [{"segment": "phone", "destination": "phone"}]}


def entries(connection: Any) -> list[tuple[str, str, bool]]:
    return rows(
        "SELECT id_type, id_value, is_add FROM list_change WHERE connection_id = %s ORDER BY id_type, id_value",
        connection.pk,
    )


def list_connection(space: Space, connector: str, **fields: Any) -> Any:
    return make_connection(space=space, destination=make_destination(space=space, connector=connector), **fields)


@pytest.mark.parametrize(
    ("fields", "last", "entry"),
    [
        ({}, ("email", "c@x.com"), ("email", "c@x.com", True)),
        ({"send_mobile_ids": True}, ("ios.idfa", "AEBE"), ("ios.idfa", "AEBE", True)),
        ({}, ("ios.idfa", "AEBE"), ("email", "b@x.com", True)),
    ],
)
def test_google_ads_gets_the_most_recently_added_identifier(
    space: Space, fields: dict[str, Any], last: tuple[str, str], entry: tuple[str, str, bool]
) -> None:
    connection = list_connection(space, "google_ads_remarketing_lists", **fields)
    profile = make_profile(space=space, ids=[("user_id", "U1")])
    for minute, (id_type, value) in enumerate([("email", "a@x.com"), ("email", "b@x.com"), last]):
        make_identifier(profile=profile, id_type=id_type, value=value, created_at=NOW + timedelta(minutes=minute))

    emit(space, profile, True, is_first_sync=True)

    assert entries(connection) == [entry]


def test_what_was_added_since_is_added_and_all_leave(space: Space) -> None:
    connection = list_connection(space, "google_ads_remarketing_lists")
    profile = make_profile(space=space, ids=[("user_id", "U1")])
    make_identifier(profile=profile, id_type="email", value="a@x.com", created_at=NOW)
    emit(space, profile, True)
    rows("DELETE FROM list_change WHERE connection_id = %s RETURNING 1", connection.pk)
    make_identifier(profile=profile, id_type="email", value="b@x.com", created_at=LATER)

    resend_to_new_identifiers(space=space, profile_ids=[profile.id], now=LATER)
    added = entries(connection)
    rows("DELETE FROM list_change WHERE connection_id = %s RETURNING 1", connection.pk)
    emit(space, profile, False, now=LATER)

    assert added == [("email", "b@x.com", True)]
    assert entries(connection) == [("email", "a@x.com", False), ("email", "b@x.com", False)]


@pytest.mark.parametrize(
    ("connector", "finds"),
    [
        ("google_ads_remarketing_lists", "Google Ads Remarketing Lists finds people by: email, android.idfa, ios.idfa"),
        ("marketo_static_lists", "Marketo Static Lists finds people by: email"),
    ],
)
def test_a_bare_user_id_is_no_entry_and_is_told(space: Space, connector: str, finds: str) -> None:
    connection = list_connection(space, connector)
    profile = make_profile(space=space, ids=[("user_id", "U1")])

    emit(space, profile, True)

    assert entries(connection) == []
    found = rows("SELECT outcome, reason, detail FROM delivery_log WHERE connection_id = %s", connection.pk)
    assert found == [
        (
            "filtered",
            "NO_IDENTIFIER",
            f"The profile has none of the identifiers that {finds}. It is sent when it gains one.",
        )
    ]


def test_traits_make_a_user_id_worth_a_call(space: Space) -> None:
    connection = list_connection(space, "google_ads_remarketing_lists", **CUSTOMIZED)
    profile = make_profile(space=space, ids=[("user_id", "U1")], traits={"phone": "+14155550100"})

    emit(space, profile, True)

    assert entries(connection) == [("user_id", "U1", True)]
