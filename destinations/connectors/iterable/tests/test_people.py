from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.iterable import definition
from destinations.connectors.iterable.values import with_dates
from destinations.kit.testing import answer, identify, run_action, run_operation, track

SETTINGS = {"apiKey": "k"}
EVENTS = [identify(), identify(user_id="u2", email="ben@example.org", entered=False)]


def run(action: str = "updateUser", *responses: Any, events: Any = EVENTS, **more: Any) -> Any:
    return run_action(definition, action, responses=responses, **{"settings": SETTINGS, "events": events, **more})


def test_one_person_is_one_call() -> None:
    ran = run(events=EVENTS[:1])

    assert ran.calls == ["POST https://api.iterable.com/api/users/update"]
    assert ran.request.headers["Api-Key"] == "k"
    assert ran.request.body == (
        b'{"email":"ann@example.org","userId":"u1","dataFields":{"vip":true,"email":"ann@example.org"},'
        b'"mergeNestedObjects":false}'
    )


def test_many_people_are_one_call() -> None:
    ran = run()

    assert ran.calls == ["POST https://api.iterable.com/api/users/bulkUpdate"]
    assert [user["dataFields"]["vip"] for user in ran.bodies[0]["users"]] == [True, False]


def test_people_whom_the_answer_names_fail_alone() -> None:
    ran = run("updateUser", answer(200, {"failCount": 1, "failedUpdates": {"invalidEmails": ["BEN@example.org"]}}))

    assert ran.outcomes == ["delivered", "REFUSED"]
    assert ran.verdicts[1].detail == "Iterable did not take ben@example.org: invalid."


def test_somebody_without_identifier_fails_alone() -> None:
    ran = run(events=[*EVENTS, identify(user_id=None, email=None)])

    assert len(ran.bodies[0]["users"]) == 2
    assert ran.outcomes == ["delivered", "delivered", "PAYLOAD_VALIDATION_FAILED"]


def test_the_phone_number_is_a_field() -> None:
    ran = run(events=[identify(phone="+1 415")])

    assert ran.bodies[0]["dataFields"]["phoneNumber"] == "+1 415"


def test_an_event_has_its_moment_in_seconds() -> None:
    ran = run("trackEvent", events=[track(entered=False)], settings={"apiKey": "k", "dataCenterLocation": "europe"})

    assert ran.calls == ["POST https://api.eu.iterable.com/api/events/track"]
    assert ran.bodies == [
        {
            "email": "ann@example.org",
            "userId": "u1",
            "eventName": "Audience Exited",
            "dataFields": {"audience_key": "vip", "vip": False},
            "id": "personas_track_u1_out",
            "createdAt": 1714979289,
        }
    ]


def test_a_purchase_has_its_items() -> None:
    event = track(order_id="o1", total=9.5, products=[{"product_id": "p", "name": "Hat", "price": 9.5, "quantity": 1}])
    event["event"] = "Order Completed"

    ran = run("trackPurchase", events=[event])

    assert ran.calls == ["POST https://api.iterable.com/api/commerce/trackPurchase"]
    assert ran.bodies[0]["items"] == [{"id": "p", "name": "Hat", "quantity": 1, "price": 9.5}]
    assert (ran.bodies[0]["id"], ran.bodies[0]["total"]) == ("o1", 9.5)


def test_a_cart_has_its_person() -> None:
    event = track(products=[{"product_id": "p", "name": "Hat", "price": 1, "quantity": 1, "category": "Hats"}])
    event["event"] = "Cart Updated"

    ran = run("updateCart", events=[event])

    assert ran.bodies[0]["user"]["email"] == "ann@example.org"
    assert ran.bodies[0]["items"][0]["categories"] == ["Hats"]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("2024-05-06T07:08:09.123Z", "2024-05-06 07:08:09 +00:00"),
        ("2024-05-06T07:08:09+02:00", "2024-05-06 05:08:09 +00:00"),
        ("2024-05-06", "2024-05-06"),
        ("2024-13-01T00:00:00Z", "2024-13-01T00:00:00Z"),
        (["2024-05-06T07:08:09Z", 1], ["2024-05-06 07:08:09 +00:00", 1]),
    ],
)
def test_moments_are_written_as_iterable_reads_them(value: Any, written: Any) -> None:
    assert with_dates({"a": {"b": value}}) == {"a": {"b": written}}


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (answer(429, {"code": "RateLimitExceeded", "msg": "Slow"}), "retry"),
        (answer(500, "<html>"), "retry"),
        (answer(400, {"code": "BadParams", "msg": "Invalid body"}), "failed"),
        (answer(401, ""), "failed"),
    ],
)
def test_a_failing_vendor(response: Any, outcome: str) -> None:
    ran = run("updateUser", response)

    assert [verdict.outcome for verdict in ran.verdicts] == [outcome, outcome]


def test_what_iterable_said_is_told() -> None:
    ran = run("updateUser", answer(400, {"code": "BadParams", "msg": "Invalid body"}))

    assert ran.verdicts[0].detail == "Invalid body"


def test_the_connection_is_tested_with_a_harmless_call() -> None:
    ran = run_operation(definition, "test_connection", settings=SETTINGS)

    assert ran.calls == ["GET https://api.iterable.com/api/webhooks"]
