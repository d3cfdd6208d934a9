from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from delivery.models import Connection
from delivery.selectors.recent_calls import recent_calls
from delivery.tests.builders import make_connection, make_destination, rows
from destinations.recent_events import recent_events
from destinations.tests.builders import audience_event
from spaces.models import Space
from tests.factories import make_event, make_profile, make_space

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def log(connection: Connection, number: int, **changes: Any) -> None:
    """A finished call in the log, as the recorder writes it."""
    event = audience_event(messageId=f"personas_{number}", **changes)
    at = NOW + timedelta(minutes=number)
    rows(
        "INSERT INTO delivery_log (space_id, id, destination_id, connection_id, profile_id, message_id, kind, payload,"
        " created_at, finished_at, attempts, outcome) VALUES (%s, %s, %s, %s, 1, %s, %s, %s, %s, %s, 1, 'filtered')"
        " RETURNING 1",
        *(connection.space_id, number, connection.destination_id, connection.pk, event["messageId"], event["type"]),
        *(json.dumps(event), at, at),
    )


def test_the_newest_calls_of_all_connections_come_first(space: Space) -> None:
    destination = make_destination(space=space)
    one = make_connection(space=space, destination=destination, computation_id="aud_1")
    two = make_connection(space=space, destination=destination, computation_id="aud_2", removed_at=NOW)
    other = make_connection(space=space)
    for number, connection in ((1, one), (2, two), (3, one), (4, other)):
        log(connection, number)

    found = list(recent_calls(destination, 2))

    assert [call["messageId"] for _at, call in found] == ["personas_3", "personas_2"]
    assert found[0][0] == NOW + timedelta(minutes=3)


def test_recent_events_are_emitted_calls_then_stored_events_that_match(space: Space) -> None:
    """ux.md §6: the last 20 that match of what comes in at the destination."""
    destination = make_destination(space=space)
    connection = make_connection(space=space, destination=destination)
    log(connection, 1)
    log(connection, 2, event="Audience Exited")
    profile = make_profile(space=space)
    make_event(profile=profile, name="Audience Entered", properties={"total": 3}, message_id="m-1", ts=NOW)
    make_event(profile=profile, name="Order Completed", message_id="m-2", ts=NOW)
    rows(
        "INSERT INTO observed_event (space_id, type, name, seen, last_seen_at)"
        " VALUES (%s, 0, 'Audience Entered', 1, now()), (%s, 0, 'Order Completed', 1, now()) RETURNING 1",
        *(space.pk, space.pk),
    )

    matching = recent_events(destination, trigger='type = "track" and event = "Audience Entered"')
    everything = recent_events(destination)

    assert [(one.id, one.origin, one.title) for one in matching] == [
        ("personas_1", "Engage", "Track: Audience Entered"),
        ("m-1", "Source", "Track: Audience Entered"),
    ]
    assert matching[1].event["properties"] == {"total": 3}
    assert matching[1].event["type"] == "track"
    assert {one.id for one in everything} == {"personas_1", "personas_2", "m-1", "m-2"}


def test_at_most_twenty_are_shown(space: Space) -> None:
    connection = make_connection(space=space)
    for number in range(1, 26):
        log(connection, number)

    assert len(recent_events(connection.destination)) == 20


def test_personal_data_is_masked_without_the_right(space: Space) -> None:
    connection = make_connection(space=space)
    log(connection, 1, context={"traits": {"email": "ada@example.org"}})

    [found] = recent_events(connection.destination, shows_pii=False)

    assert found.event["context"]["traits"]["email"] == "a••••@example.org"
    assert found.event["event"] == "Audience Entered"


def test_another_spaces_events_are_not_shown(space: Space) -> None:

    elsewhere = make_space()
    make_event(profile=make_profile(space=elsewhere), name="Secret")
    rows(
        "INSERT INTO observed_event (space_id, type, name, seen, last_seen_at) VALUES (%s, 0, 'Secret', 1, now())"
        " RETURNING 1",
        elsewhere.pk,
    )

    assert recent_events(make_destination(space=space)) == []
