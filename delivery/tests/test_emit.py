from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from delivery.models import Connection, ListSync
from delivery.services.emit import Change, emit_changes
from delivery.tests.builders import COMPUTATION_ID, make_connection, make_destination, rows
from spaces.models import Space
from tests.factories import make_profile

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def emit(space: Space, *changes: tuple[int, bool], **options: Any) -> int:
    return emit_changes(
        space=space,
        computation_id=COMPUTATION_ID,
        changes=[Change(profile_id=profile_id, value=value) for profile_id, value in changes],
        now=NOW,
        **options,
    )


def payloads(connection: Connection) -> list[dict[str, Any]]:
    found = rows("SELECT payload FROM delivery WHERE connection_id = %s ORDER BY id", connection.pk)
    return [json.loads(row[0]) for row in found]


def counts(connection: Connection) -> dict[tuple[str, str], int]:
    found = rows(
        "SELECT outcome, reason, sum(calls)::bigint FROM delivery_counter WHERE connection_id = %s GROUP BY 1, 2",
        connection.pk,
    )
    return {(outcome, reason): calls for outcome, reason, calls in found}


def test_entering_makes_one_track_call(space: Space) -> None:
    """F062, F073, F090: one call of its own, queued with the change."""
    connection = make_connection(space=space)
    profile = make_profile(space=space, ids=[("user_id", "U1")])

    assert emit(space, (profile.id, True)) == 1

    [call] = payloads(connection)
    assert call["type"] == "track"
    assert call["event"] == "Audience Entered"
    assert call["userId"] == "U1"
    assert call["properties"] == {"audience_key": "big_spenders", "big_spenders": True}
    assert call["context"]["personas"]["computation_class"] == "audience"
    assert call["context"]["personas"]["computation_id"] == COMPUTATION_ID
    assert call["context"]["personas"]["namespace"] == call["context"]["personas"]["space_id"] == space.public_id
    assert call["integrations"] == {"All": False, "Webhook (Actions)": True}
    assert call["messageId"].startswith("personas_")
    assert len(call["messageId"]) == 30
    assert counts(connection) == {("emitted", ""): 1}


def test_identify_goes_before_track(space: Space) -> None:
    """F068, F071, F089."""
    connection = make_connection(space=space, send_identify=True)
    profile = make_profile(space=space, ids=[("user_id", "U1")])

    emit(space, (profile.id, True))

    assert [call["type"] for call in payloads(connection)] == ["identify", "track"]
    assert payloads(connection)[0]["traits"] == {"big_spenders": True}


def test_unchanged_value_is_not_sent_again(space: Space) -> None:
    """F075: people whose membership did not change get no call."""
    connection = make_connection(space=space)
    profile = make_profile(space=space, ids=[("user_id", "U1")])
    emit(space, (profile.id, True))

    assert emit(space, (profile.id, True)) == 0

    assert len(payloads(connection)) == 1


def test_exit_only_for_those_sent_as_entered(space: Space) -> None:
    """F073, F091."""
    connection = make_connection(space=space)
    sent, never_sent = make_profile(space=space), make_profile(space=space)
    emit(space, (sent.id, True))

    assert emit(space, (sent.id, False), (never_sent.id, False)) == 1

    leaving = payloads(connection)[1]
    assert leaving["event"] == "Audience Exited"
    assert leaving["properties"] == {"audience_key": "big_spenders", "big_spenders": False}


def test_first_sync_makes_one_call_per_identifier(space: Space) -> None:
    connection = make_connection(space=space)
    profile = make_profile(space=space, ids=[("user_id", "U1"), ("email", "a@example.com")])

    emit(space, (profile.id, True), is_first_sync=True)

    bare, mail = payloads(connection)
    assert (bare["userId"], "traits" in bare["context"]) == ("U1", False)
    assert (mail["userId"], mail["context"]["traits"]) == ("U1", {"email": "a@example.com"})


def test_later_changes_send_one_call_per_email(space: Space) -> None:
    connection = make_connection(space=space)
    mails = ["a@example.com", "b@example.com", "c@example.com"]
    profile = make_profile(space=space, ids=[("user_id", "U1"), *(("email", mail) for mail in mails)])

    emit(space, (profile.id, True))

    assert sorted(call["context"]["traits"]["email"] for call in payloads(connection)) == mails


def test_a_run_over_all_members_sends_nothing_to_who_was_sent_live(space: Space) -> None:
    connection = make_connection(space=space)
    profile = make_profile(space=space, ids=[("user_id", "U1"), ("email", "a@example.com")])
    emit(space, (profile.id, True), is_first_sync=True)
    emit(space, (profile.id, False))
    emit(space, (profile.id, True))
    before = len(payloads(connection))

    assert emit(space, (profile.id, True), is_first_sync=True) == 0
    assert emit(space, (profile.id, False)) == 1

    assert before == 5
    assert payloads(connection)[-1]["context"]["traits"] == {"email": "a@example.com"}


def test_exit_reaches_every_identifier_ever_sent(space: Space) -> None:
    connection = make_connection(space=space)
    profile = make_profile(space=space, ids=[("user_id", "U1"), ("email", "a@example.com")])
    emit(space, (profile.id, True), is_first_sync=True)

    assert emit(space, (profile.id, False)) == 2

    exits = payloads(connection)[2:]
    assert [call["event"] for call in exits] == ["Audience Exited"] * 2


def test_anonymous_only_when_included(space: Space) -> None:
    strict = make_connection(space=space)
    wide = make_connection(space=space, include_anonymous=True)
    profile = make_profile(space=space, ids=[("anonymous_id", "anon-1")])

    assert emit(space, (profile.id, True)) == 1

    assert [call["anonymousId"] for call in payloads(wide)] == ["anon-1"]
    assert counts(strict) == {("emitted", ""): 1, ("filtered", "NO_IDENTIFIER"): 1}
    assert rows("SELECT outcome, reason FROM delivery_log WHERE connection_id = %s", strict.pk) == [
        ("filtered", "NO_IDENTIFIER")
    ]


def test_identifier_with_odd_characters_survives(space: Space) -> None:
    connection = make_connection(space=space)
    value = 'tab\tback\\slash"quote\nné'
    profile = make_profile(space=space, ids=[("user_id", value)])

    emit(space, (profile.id, True))
    emit(space, (profile.id, False))

    assert [call["userId"] for call in payloads(connection)] == [value, value]


@pytest.mark.parametrize("field", ["is_enabled", "destination_deleted", "removed"])
def test_nothing_is_queued_for_what_is_off(space: Space, field: str) -> None:
    destination = make_destination(space=space)
    if field == "destination_deleted":
        destination.deleted_at = NOW
        destination.save()
    connection = make_connection(
        space=space,
        destination=destination,
        is_enabled=field != "is_enabled",
        removed_at=NOW if field == "removed" else None,
    )
    profile = make_profile(space=space)

    assert emit(space, (profile.id, True)) == 0

    assert payloads(connection) == []
    assert counts(connection) == {}


def test_list_destination_collects_net_changes(space: Space) -> None:
    """F069, F141: a list where an event destination gets calls."""
    destination = make_destination(space=space, connector="webhook_list")
    connection = make_connection(space=space, destination=destination)
    stays, goes = make_profile(space=space), make_profile(space=space)

    emit(space, (stays.id, True), (goes.id, True))
    emit(space, (goes.id, False))

    assert rows("SELECT profile_id, is_add FROM list_change WHERE connection_id = %s", connection.pk) == [
        (stays.id, True)
    ]
    assert counts(connection) == {("emitted", ""): 3, ("superseded", "REPLACED"): 2}
    assert payloads(connection) == []


def test_change_under_way_is_replaced_not_cancelled(space: Space) -> None:
    destination = make_destination(space=space, connector="webhook_list")
    connection = make_connection(space=space, destination=destination)
    profile = make_profile(space=space)
    emit(space, (profile.id, True))
    ListSync.objects.create(connection=connection, up_to_id=2**62, taken_at=NOW)

    emit(space, (profile.id, False))

    assert rows("SELECT is_add FROM list_change") == [(False,)]
    assert counts(connection) == {("emitted", ""): 2, ("superseded", "REPLACED"): 1}
