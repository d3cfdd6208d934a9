from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.iterable import definition
from destinations.connectors.iterable.api import written
from destinations.kit.http import Response
from destinations.kit.testing import answer, identify, run_action, run_operation, track

API = "https://api.iterable.com/api"
PRODUCT = {"product_id": "p1", "sku": "s", "category": "shoes", "name": "Boot", "price": 9.5, "quantity": 2, "url": "u"}


def run(action: str, *events: dict[str, Any], response: Response | None = None, **mapping: Any) -> Any:
    return run_action(
        definition,
        action,
        settings={"apiKey": "k"},
        events=events,
        mapping=mapping,
        responses=[response or answer(200, {"code": "Success"})],
    )


def test_a_user_carries_the_audience() -> None:
    ran = run("updateUser", identify(phone="+1415", since="2024-01-02T03:04:05.678Z", day="2024-01-02"))

    assert ran.calls == [f"POST {API}/users/update"]
    assert ran.request.headers["Api-Key"] == "k"
    assert ran.bodies == [
        {
            "email": "ann@example.org",
            "userId": "u1",
            "dataFields": {
                "vip": True,
                "email": "ann@example.org",
                "phone": "+1415",
                "since": "2024-01-02 03:04:05 +00:00",
                "day": "2024-01-02",
                "phoneNumber": "+1415",
            },
            "mergeNestedObjects": False,
        }
    ]
    assert ran.outcomes == ["delivered"]


def test_leaving_sends_false() -> None:
    assert run("updateUser", identify(entered=False)).bodies[0]["dataFields"]["vip"] is False


def test_an_event_is_tracked() -> None:
    ran = run("trackEvent", track(campaignId="7"))

    assert ran.calls == [f"POST {API}/events/track"]
    assert ran.bodies == [
        {
            "email": "ann@example.org",
            "userId": "u1",
            "eventName": "Audience Entered",
            "id": "personas_track_u1_in",
            "campaignId": 7,
            "dataFields": {"audience_key": "vip", "vip": True, "campaignId": "7"},
            "createdAt": 1714979289,
        }
    ]


@pytest.mark.parametrize("action", ["updateUser", "trackEvent"])
def test_somebody_without_identifiers_is_refused(action: str) -> None:
    event = {"updateUser": identify, "trackEvent": track}[action](user_id=None, email=None)

    ran = run(action, event)

    assert ran.calls == []
    assert ran.verdict.status == 400


def test_a_purchase_and_a_cart() -> None:
    order = {
        **track(order_id="o1", total=19, products=[{**PRODUCT}], note="2024-01-02T03:04:05Z"),
        "event": "Order Completed",
    }
    cart = {**track(products=[{**PRODUCT}]), "event": "Cart Updated"}
    item = {"id": "p1", "sku": "s", "name": "Boot", "price": 9.5, "quantity": 2, "url": "u"}

    bought, filled = run("trackPurchase", order), run("updateCart", cart)

    assert bought.calls == [f"POST {API}/commerce/trackPurchase"]
    assert bought.bodies[0]["items"] == [{**item, "dataFields": {}, "categories": ["shoes"]}]
    assert (bought.bodies[0]["id"], bought.bodies[0]["total"]) == ("o1", 19)
    assert "products" not in bought.bodies[0]["dataFields"]
    assert bought.bodies[0]["dataFields"]["note"] == "2024-01-02 03:04:05 +00:00"
    assert filled.calls == [f"POST {API}/commerce/updateCart"]
    assert filled.bodies[0]["user"] == {
        "email": "ann@example.org",
        "userId": "u1",
        "dataFields": {"email": "ann@example.org"},
        "mergeNestedObjects": False,
    }


def test_what_iterable_refuses_of_a_batch_fails_alone() -> None:
    events = [
        identify(user_id="u1", email="a@example.org"),
        identify(user_id=None, email=None),
        identify(user_id="u3", email="C@example.org"),
        identify(user_id="u4", email="d@example.org"),
    ]
    said = {"failCount": 2, "invalidEmails": ["c@example.org"], "failedUpdates": {"forgottenUserIds": ["u4"]}}

    ran = run("updateUser", *events, response=answer(200, said))

    assert ran.calls == [f"POST {API}/users/bulkUpdate"]
    assert len(ran.bodies[0]["users"]) == 3
    assert ran.outcomes == ["delivered", "PAYLOAD_VALIDATION_FAILED", "BAD_REQUEST", "BAD_REQUEST"]
    assert "invalidEmails" in ran.verdicts[2].detail


def test_only_known_users_can_be_updated() -> None:
    ran = run("updateUser", identify(user_id="u1"), identify(user_id="u2"), updateOnly=True)

    assert ran.bodies[0]["updateOnly"] is True
    assert "updateOnly" not in ran.bodies[0]["users"][0]


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (answer(400, {"code": "InvalidEmailAddressError", "msg": "no"}), "failed"),
        (answer(401, {"code": "BadApiKey"}), "failed"),
        (answer(429, {"code": "RateLimitExceeded"}), "retry"),
        (answer(500, "<html></html>"), "retry"),
    ],
)
def test_a_failing_vendor(response: Response, outcome: str) -> None:
    alone = run("updateUser", identify(), response=response)
    together = run("updateUser", identify(user_id="u1"), identify(user_id="u2"), response=response)

    assert [one.outcome for one in (*alone.verdicts, *together.verdicts)] == [outcome] * 3


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("2024-05-06T09:08:09+02:00", "2024-05-06 07:08:09 +00:00"),
        ({"a": ["2024-05-06T07:08:09Z"]}, {"a": ["2024-05-06 07:08:09 +00:00"]}),
        ("2024-13-01T00:00:00Z", "2024-13-01T00:00:00Z"),
        ("2024-05-06", "2024-05-06"),
        (None, None),
    ],
)
def test_times_are_written_as_iterable_reads_them(value: Any, told: Any) -> None:
    assert written(value) == told


def test_projects_in_europe_have_a_host_of_their_own() -> None:
    settings = {"apiKey": "k", "dataCenterLocation": "europe"}

    ran = run_operation(definition, "test_connection", settings=settings)

    assert ran.calls == ["GET https://api.eu.iterable.com/api/webhooks"]
