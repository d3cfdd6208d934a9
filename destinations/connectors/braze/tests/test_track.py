from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.braze import definition
from destinations.kit.testing import Ran, answer, identify, run_action, track

HOST = "https://rest.fra-01.braze.eu"
SETTINGS = {"api_key": "k", "app_id": "app", "endpoint": HOST}
OK = answer(201, {"message": "success"})
MODE = "__segment_internal_sync_mode"


def run(action: str, events: list[Any], *responses: Any, **mapping: Any) -> Ran:
    return run_action(
        definition, action, settings=SETTINGS, mapping=mapping, events=events, responses=responses or [OK], trigger=""
    )


@pytest.mark.parametrize(("entered", "value"), [(True, b"true"), (False, b"false")])
def test_an_audience_is_an_attribute_of_the_profile(entered: bool, value: bytes) -> None:
    ran = run("updateUserProfile", [identify(entered=entered, firstName="Ann", gender="Woman", plan="pro")])

    assert ran.calls == [f"POST {HOST}/users/track"]
    assert ran.request.headers == {"Authorization": "Bearer k", "Content-Type": "application/json"}
    assert ran.request.body == (
        b'{"attributes":[{"vip":%s,"plan":"pro","email":"ann@example.org","first_name":"Ann","gender":"F",'
        b'"external_id":"u1","_update_existing_only":false}]}' % value
    )
    assert ran.outcomes == ["delivered"]


def test_dates_are_written_as_braze_wants_them_and_invalid_ones_vanish() -> None:
    dates = {"dob": "1990-02-03T10:00:00Z", "date_of_first_session": "2024-01-02", "date_of_last_session": 1704067200}

    ran = run("updateUserProfile", [identify()], custom_attributes=None, **dates)

    assert ran.bodies[0]["attributes"][0] == {
        "email": "ann@example.org",
        "date_of_first_session": "2024-01-02T00:00:00.000Z",
        "date_of_last_session": "2024-01-01T00:00:00.000Z",
        "dob": "1990-02-03",
        "external_id": "u1",
        "_update_existing_only": False,
    }


def test_a_track_call_is_an_event_with_the_email_of_its_context() -> None:
    ran = run("trackEvent", [track(entered=False)])

    assert ran.bodies == [
        {
            "events": [
                {
                    "external_id": "u1",
                    "email": "ann@example.org",
                    "app_id": "app",
                    "time": "2024-05-06T07:08:09.123Z",
                    "_update_existing_only": False,
                    "name": "Audience Exited",
                    "properties": {"audience_key": "vip", "vip": False},
                }
            ]
        }
    ]


def test_each_product_is_a_purchase() -> None:
    products = [{"product_id": "a", "price": 2, "quantity": 3, "colour": "red"}, {"product_id": "b", "price": 1.5}]

    ran = run("trackPurchase", [track(products=products)])

    first, second = ran.bodies[0]["purchases"]
    assert ran.request.headers["X-Braze-Batch"] == "true"
    assert (first["product_id"], first["currency"], first["price"], first["quantity"]) == ("a", "USD", 2, 3)
    assert first["properties"] == {"colour": "red", "audience_key": "vip", "vip": True}
    assert "quantity" not in second


@pytest.mark.parametrize(("mode", "only"), [("upsert", False), ("update", True)])
def test_the_sync_mode_decides_whether_people_are_created(mode: str, only: bool) -> None:
    ran = run("updateUserProfile2", [identify()], **{MODE: mode})

    assert ran.bodies[0]["attributes"][0]["_update_existing_only"] is only


def test_an_unknown_sync_mode_is_refused() -> None:
    ran = run("trackEvent2", [track()], **{MODE: "mirror"})

    assert (ran.calls, ran.verdict.status) == ([], 400)


def test_who_has_no_identifier_fails_alone() -> None:
    ran = run("updateUserProfile", [identify(), identify(user_id=None, email=None)])

    assert len(ran.bodies[0]["attributes"]) == 1
    assert "X-Braze-Batch" not in ran.request.headers
    assert ran.outcomes == ["delivered", "PAYLOAD_VALIDATION_FAILED"]


def test_objects_that_braze_refuses_fail_alone() -> None:
    said = {"message": "success", "errors": [{"type": "'dob' is invalid", "input_array": "attributes", "index": 1}]}

    ran = run("updateUserProfile", [identify(), identify(user_id="u2")], answer(201, said))

    assert ran.outcomes == ["delivered", "BRAZE_REFUSED"]
    assert (ran.verdicts[1].status, ran.verdicts[1].detail) == (400, "'dob' is invalid")


def test_more_than_75_objects_wait_or_fail() -> None:
    def bought(count: int) -> Any:
        return track(products=[{"product_id": str(number), "price": 1} for number in range(count)])

    ran = run("trackPurchase", [bought(70), bought(76), bought(6), bought(5)])

    assert len(ran.bodies[0]["purchases"]) == 75
    assert [verdict.status for verdict in ran.verdicts] == [200, 413, 429, 200]


@pytest.mark.parametrize(
    ("response", "outcome", "wait"),
    [
        (answer(429, {"message": "Too many"}, x_ratelimit_reset="30"), "retry", 30),
        (answer(400, {"message": "bad app_id"}), "failed", None),
        (answer(401, {"message": "Invalid API key"}), "failed", None),
        (answer(502, "<html>"), "retry", None),
        (answer(404, ""), "failed", None),
    ],
)
def test_failures_are_judged_by_their_status(response: Any, outcome: str, wait: float | None) -> None:
    ran = run("updateUserProfile", [identify(), identify(user_id="u2")], response)

    assert [(verdict.outcome, verdict.retry_after) for verdict in ran.verdicts] == [(outcome, wait)] * 2


def test_aliases_are_created_and_identified() -> None:
    created = run("createAlias", [track()], external_id="u1", alias_name="a", alias_label="l")
    alias = {"alias_name": "a", "alias_label": "l"}
    identified = run("identifyUser", [track()], external_id="u1", user_alias=alias, merge_behavior="merge")

    assert created.calls == [f"POST {HOST}/users/alias/new"]
    assert created.bodies == [{"user_aliases": [{"external_id": "u1", "alias_name": "a", "alias_label": "l"}]}]
    assert identified.calls == [f"POST {HOST}/users/identify"]
    assert identified.bodies == [
        {"aliases_to_identify": [{"external_id": "u1", "user_alias": alias}], "merge_behavior": "merge"}
    ]


def test_an_address_outside_the_clusters_is_refused() -> None:
    ran = run_action(
        definition, "trackEvent", settings={**SETTINGS, "endpoint": "https://evil.example"}, events=[track()]
    )

    assert (ran.calls, ran.outcomes) == ([], ["INVALID_SETTINGS"])
