from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.resci import definition
from destinations.kit.testing import Ran, answer, identify, run_action, track

SETTINGS = {"api_user": "u", "api_password": "p"}


def run(action: str, event: dict[str, Any], *responses: Any, **settings: Any) -> Ran:
    return run_action(
        definition, action, settings={**SETTINGS, **settings}, events=[event], responses=responses, trigger=""
    )


@pytest.mark.parametrize(("entered", "value"), [(True, b"true"), (False, b"false")])
def test_an_audience_is_an_attribute_of_the_user(entered: bool, value: bytes) -> None:
    ran = run("updateUser", identify(entered=entered, name="Ann Lee", tags=["a"]))

    assert ran.calls == ["PUT https://api.retentionscience.com/users/update/u1"]
    assert ran.request.headers == {"Authorization": "Basic dTpw", "Content-Type": "application/json"}
    assert ran.request.body == (
        b'{"vip":%s,"email":"ann@example.org","name":"Ann Lee","record_id":"u1","full_name":"Ann Lee"}' % value
    )
    assert ran.outcomes == ["delivered"]


def test_a_track_call_may_update_the_user_too() -> None:
    ran = run("updateUser", track(entered=False))

    assert ran.bodies == [{"record_id": "u1", "email": "ann@example.org", "vip": False}]


def test_a_track_call_is_an_event() -> None:
    ran = run("recordEvent", track(), site_id="s1", sandbox=True)

    assert ran.calls == ["POST https://api.retentionsandbox.com/events"]
    assert ran.bodies == [
        {
            "site_id": "s1",
            "record_id": "u1",
            "event": "Audience Entered",
            "time": "2024-05-06T07:08:09.123Z",
            "properties": {"audience_key": "vip", "vip": True},
        }
    ]


def test_an_account_may_have_addresses_of_its_own() -> None:
    ran = run("recordEvent", track(), base_url="https://api.example.org/v2/", event_path="/track/custom")

    assert ran.calls == ["POST https://api.example.org/v2/track/custom"]


def test_an_id_cannot_leave_its_place_in_the_address() -> None:
    ran = run("updateUser", identify(user_id="a/../b?c"))

    assert ran.calls == ["PUT https://api.retentionscience.com/users/update/a%2F..%2Fb%3Fc"]


@pytest.mark.parametrize("action", ["updateUser", "recordEvent"])
def test_without_a_user_id_nothing_is_sent(action: str) -> None:
    ran = run(action, track(user_id=None))

    assert (ran.calls, ran.outcomes) == ([], ["PAYLOAD_VALIDATION_FAILED"])


@pytest.mark.parametrize(
    ("response", "outcome", "wait"),
    [
        (answer(401, {"error": "unauthorized"}), "failed", None),
        (answer(422, {"error": "bad attribute"}), "failed", None),
        (answer(429, "", retry_after="2"), "retry", 2),
        (answer(500, "<html>"), "retry", None),
        (answer(404, ""), "failed", None),
    ],
)
def test_answers_are_judged_by_their_status(response: Any, outcome: str, wait: float | None) -> None:
    ran = run("updateUser", identify(), response)

    assert (ran.verdict.outcome, ran.verdict.retry_after) == (outcome, wait)
