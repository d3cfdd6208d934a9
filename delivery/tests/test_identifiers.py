"""The table of destinations-and-sync.md §5, with exact calls, and ID Sync."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest

from delivery.models import Connection
from delivery.services.resending import resend_to_new_identifiers
from delivery.tests.builders import make_connection, rows
from delivery.tests.emitting import LATER, clear, emit, said
from spaces.models import Space
from tests.factories import NOW, make_identifier, make_profile

Ids = list[tuple[str, str]]
MAILS: Ids = [("email", "a@x.com"), ("email", "b@x.com"), ("email", "c@x.com")]
LONG_AFTER = NOW + timedelta(days=1)
EML = "eml_" + hashlib.sha1(b"a@x.com", usedforsecurity=False).hexdigest()


def chosen(*rows_: str) -> dict[str, Any]:
    """A Customized Setup with identifiers written as `type>destination:strategy`."""
    mappings = []
    for row in rows_:
        names, _, strategy = row.partition(":")
        segment, _, destination = names.partition(">")
        mappings.append({"segment": segment, "destination": destination or segment, "strategy": strategy})
    return {"setup": "customized", "identifier_mappings": mappings}


@pytest.mark.parametrize(
    ("ids", "fields", "is_first_sync", "calls"),
    [
        pytest.param(
            [("user_id", "U1"), ("email", "a@x.com")],
            {},
            True,
            ["Entered user U1", "Entered user U1 mail a@x.com"],
            id="first sync, several types: one call per identifier (F095)",
        ),
        pytest.param(
            [("user_id", "U1"), ("email", "a@x.com")],
            {},
            False,
            ["Entered user U1 mail a@x.com"],
            id="later, several types: the e-mail's call carries the user id",
        ),
        pytest.param(
            [("user_id", "U1"), *MAILS],
            {},
            False,
            ["Entered user U1 mail a@x.com", "Entered user U1 mail b@x.com", "Entered user U1 mail c@x.com"],
            id="several values of one type: one event per value (F096)",
        ),
        pytest.param(
            [("user_id", "U1"), ("user_id", "U2")],
            {},
            False,
            ["Entered user U1", "Entered user U2"],
            id="several user ids",
        ),
        pytest.param(
            [("email", "a@x.com")], {}, False, [f"Entered anonymous {EML} mail a@x.com"], id="an e-mail alone"
        ),
        pytest.param(
            [("user_id", "U1"), ("anonymous_id", "A1"), ("anonymous_id", "A2")],
            {"include_anonymous": True},
            False,
            ["Entered anonymous A1", "Entered anonymous A2", "Entered user U1"],
            id="include anonymous: additionally one per anonymous id",
        ),
        pytest.param(
            [("user_id", "U1"), ("anonymous_id", "A1")],
            {},
            False,
            ["Entered user U1"],
            id="anonymous ids are left out otherwise",
        ),
        pytest.param(
            [("user_id", "U1"), ("ios.idfa", "D1"), ("android.idfa", "D2")],
            {"send_mobile_ids": True},
            False,
            ["Entered user U1", "Entered user U1 device android D2", "Entered user U1 device ios D1"],
            id="Send Mobile IDs: one per device",
        ),
        pytest.param(
            [("user_id", "U1"), ("ios.idfa", "D1")], {}, False, ["Entered user U1"], id="mobile ids only by option"
        ),
        pytest.param(
            [("user_id", "U1"), ("crm_id", "C1")], {}, True, ["Entered user U1"], id="custom ids never without ID Sync"
        ),
        pytest.param(
            [("user_id", "U1"), *MAILS, ("crm_id", "C1")],
            chosen("email:last"),
            False,
            ["Entered anonymous eml_5cd8e1602c8a16f38a52de8491303beccc15be4d mail c@x.com"],
            id="ID Sync: only the chosen identifiers, last added",
        ),
        pytest.param(
            [("user_id", "U1"), ("user_id", "U2"), *MAILS],
            chosen("user_id:first", "email:first"),
            True,
            ["Entered user U1", "Entered user U1 mail a@x.com"],
            id="ID Sync: first added of each",
        ),
        pytest.param(
            [("user_id", "U1"), ("crm_id", "C1"), ("crm_id", "C2")],
            chosen("user_id:last", "crm_id>customer.number:all"),
            False,
            [
                "Entered user U1",
                "Entered user U1 customer={'number': 'C1'}",
                "Entered user U1 customer={'number': 'C2'}",
            ],
            id="ID Sync: all values of a custom identifier, under its destination name",
        ),
        pytest.param(
            [("user_id", "U1"), ("email", "a@x.com")],
            chosen("user_id>external_id:last", "email>em:last"),
            True,
            ["Entered user U1 external_id=U1", "Entered user U1 mail a@x.com em=a@x.com"],
            id="ID Sync: standard identifiers keep their place and get the name too",
        ),
        pytest.param(
            [("ios.idfa", "D1"), ("anonymous_id", "A1")],
            chosen("ios.idfa>madid:all", "anonymous_id:last"),
            False,
            ["Entered anonymous A1", "Entered anonymous A1 device ios D1 madid=D1"],
            id="ID Sync: chosen ids need no other option",
        ),
    ],
)
def test_identifier_situations(
    space: Space, ids: Ids, fields: dict[str, Any], is_first_sync: bool, calls: list[str]
) -> None:
    """F023, F092, F095, F096, F097."""
    connection = make_connection(space=space, **fields)
    profile = make_profile(space=space, ids=ids)

    emit(space, profile, True, is_first_sync=is_first_sync)

    assert said(connection) == calls


def test_a_custom_identifier_alone_is_named_by_its_digest(space: Space) -> None:
    connection = make_connection(space=space, **chosen("crm_id:all"))
    profile = make_profile(space=space, ids=[("crm_id", "C1")])

    emit(space, profile, True)

    digest = hashlib.sha1(b"crm_id:C1", usedforsecurity=False).hexdigest()
    assert said(connection) == [f"Entered anonymous ext_{digest} crm_id=C1"]


def test_id_sync_limits_three_emails_to_one(space: Space) -> None:
    """F097."""
    every = make_connection(space=space)
    one = make_connection(space=space, **chosen("user_id:last", "email:first"))
    profile = make_profile(space=space, ids=[("user_id", "U1"), *MAILS])

    emit(space, profile, True)

    assert len(said(every)) == 3
    assert said(one) == ["Entered user U1 mail a@x.com"]


def test_exits_go_to_all_identifiers_ever_sent(space: Space) -> None:
    """§5: ignoring ID Sync, which was set up in between."""
    connection = make_connection(space=space)
    profile = make_profile(space=space, ids=[("user_id", "U1"), *MAILS])
    emit(space, profile, True, is_first_sync=True)
    clear(connection)
    Connection.objects.filter(pk=connection.pk).update(**chosen("email:last"))

    emit(space, profile, False)

    assert said(connection) == [
        "Exited user U1",
        "Exited user U1 mail a@x.com",
        "Exited user U1 mail b@x.com",
        "Exited user U1 mail c@x.com",
    ]


def test_exits_name_nobody_whom_entries_did_not(space: Space) -> None:
    connection = make_connection(space=space, **chosen("email:first", "crm_id>crm:all"))
    profile = make_profile(space=space, ids=[("user_id", "U1"), ("email", "a@x.com"), ("crm_id", "C1")])
    emit(space, profile, True)

    emit(space, profile, False)

    assert said(connection) == [
        f"Entered anonymous {EML} crm=C1",
        f"Entered anonymous {EML} mail a@x.com",
        f"Exited anonymous {EML} crm=C1",
        f"Exited anonymous {EML} mail a@x.com",
    ]


def gain(space: Space, profile: Any, id_type: str, value: str) -> None:
    make_identifier(profile=profile, id_type=id_type, value=value, created_at=LONG_AFTER)
    resend_to_new_identifiers(space=space, profile_ids=[profile.id], now=LATER)


def test_a_new_email_is_sent_though_nothing_changed(space: Space) -> None:
    """F099."""
    connection = make_connection(space=space)
    profile = make_profile(space=space, ids=[("user_id", "U1")])
    emit(space, profile, True)
    clear(connection)

    gain(space, profile, "email", "a@x.com")

    assert said(connection) == ["Entered user U1 mail a@x.com"]


def test_nothing_is_sent_again_where_the_space_says_so(space: Space) -> None:
    """F100."""
    connection = make_connection(space=space)
    profile = make_profile(space=space, ids=[("user_id", "U1")])
    emit(space, profile, True)
    clear(connection)
    space.resend_on_new_identifier = False

    gain(space, profile, "email", "a@x.com")

    assert said(connection) == []


@pytest.mark.parametrize(
    ("strategy", "calls"),
    [("last", ["Entered user U1 mail b@x.com"]), ("first", []), ("all", ["Entered user U1 mail b@x.com"])],
)
def test_a_new_email_is_sent_where_the_strategy_takes_it(space: Space, strategy: str, calls: list[str]) -> None:
    connection = make_connection(space=space, **chosen("user_id:last", f"email:{strategy}"))
    profile = make_profile(space=space, ids=[("user_id", "U1"), ("email", "a@x.com")])
    emit(space, profile, True)
    clear(connection)

    gain(space, profile, "email", "b@x.com")

    assert said(connection) == calls


def test_a_new_identifier_that_is_not_chosen_sends_nothing(space: Space) -> None:
    connection = make_connection(space=space, **chosen("user_id:last"))
    profile = make_profile(space=space, ids=[("user_id", "U1")])
    emit(space, profile, True)
    clear(connection)

    gain(space, profile, "email", "a@x.com")

    assert said(connection) == []


def test_a_member_without_the_chosen_identifier_is_sent_when_it_gains_one(space: Space) -> None:
    connection = make_connection(space=space, **chosen("email:last"))
    profile = make_profile(space=space, ids=[("user_id", "U1")])
    emit(space, profile, True)
    reasons = rows("SELECT outcome, reason, detail FROM delivery_log WHERE connection_id = %s", connection.pk)

    gain(space, profile, "email", "a@x.com")
    gain(space, profile, "phone", "+1")

    detail = (
        "The profile has none of the identifiers that ID Sync chose for this connection: email. "
        "It is sent when it gains one."
    )
    assert reasons == [("filtered", "NO_IDENTIFIER", detail)]
    assert said(connection) == [f"Entered anonymous {EML} mail a@x.com"]


def test_who_left_is_not_sent_when_it_gains_an_identifier(space: Space) -> None:
    connection = make_connection(space=space, **chosen("email:last"))
    profile = make_profile(space=space, ids=[("user_id", "U1")])
    emit(space, profile, True)
    emit(space, profile, False)

    gain(space, profile, "email", "a@x.com")

    assert said(connection) == []


def test_a_changed_value_is_sent(space: Space) -> None:
    """F098."""
    connection = make_connection(space=space)
    profile = make_profile(space=space, ids=[("user_id", "U1")])

    counts = [emit(space, profile, value) for value in (True, True, False, False, True)]

    assert counts == [1, 0, 1, 0, 1]
    assert said(connection) == ["Entered user U1", "Entered user U1", "Exited user U1"]
