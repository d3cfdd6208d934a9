from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.marketo import definition
from destinations.kit.definition import Token
from destinations.kit.testing import Ran, answer, identify, run_action, run_operation, track

HOST = "https://123-abc-456.mktorest.com"
SETTINGS = {"client_id": "c", "client_secret": "s", "api_endpoint": f"{HOST}/rest", "user_id_field": "uid"}
SEND = f"POST {HOST}/rest/v1/leads.json"


def ok(*result: Any) -> Any:
    return answer(200, {"success": True, "result": list(result)})


def refused(code: str, message: str = "no") -> Any:
    return answer(200, {"success": False, "errors": [{"code": code, "message": message}]})


def run(events: list[Any], *responses: Any, **mapping: Any) -> Ran:
    return run_action(
        definition,
        "upsertLead",
        settings=SETTINGS,
        mapping={**definition.presets[0].fields, **mapping},
        events=events,
        responses=responses or [ok()],
        trigger="",
        token=Token(access_token="t"),
    )


@pytest.mark.parametrize(("entered", "value"), [(True, b"true"), (False, b"false")])
def test_entering_and_leaving_set_the_field_of_the_audience(entered: bool, value: bytes) -> None:
    ran = run([identify(entered=entered, firstName="Ann")], ok({"id": 1, "status": "updated"}))

    assert ran.calls == [SEND]
    assert ran.request.headers == {"Authorization": "Bearer t", "Content-Type": "application/json"}
    assert ran.request.body == (
        b'{"action":"createOrUpdate","lookupField":"email","input":[{"email":"ann@example.org","uid":"u1",'
        b'"firstName":"Ann","vip":%s}]}' % value
    )
    assert ran.outcomes == ["delivered"]


def test_the_email_of_a_track_call_is_found_in_its_context() -> None:
    ran = run([track(entered=False)])

    assert ran.bodies[0]["input"] == [{"email": "ann@example.org", "uid": "u1", "vip": False}]


def test_leads_without_an_email_go_by_their_user_id_in_a_request_of_their_own() -> None:
    ran = run([identify(), identify(user_id="u2", email=None)], ok({"status": "created"}))

    assert [body["lookupField"] for body in ran.bodies] == ["email", "uid"]
    assert ran.bodies[1]["input"] == [{"uid": "u2", "vip": True}]


def test_who_cannot_be_found_fails_alone() -> None:
    ran = run([identify(), identify(user_id=None, email=None)])

    assert len(ran.bodies[0]["input"]) == 1
    assert ran.outcomes == ["delivered", "PAYLOAD_VALIDATION_FAILED"]


def test_calls_of_two_audiences_about_one_lead_become_one_record() -> None:
    ran = run([identify(key="vip"), identify(key="big", entered=False, email="Ann@Example.org")])

    assert ran.bodies[0]["input"] == [{"email": "Ann@Example.org", "uid": "u1", "vip": True, "big": False}]
    assert ran.outcomes == ["delivered", "delivered"]


def test_a_lead_that_is_skipped_fails_alone() -> None:
    skipped = {"status": "skipped", "reasons": [{"code": "1006", "message": "Field 'vip' not found"}]}

    ran = run([identify(), identify(user_id="u2", email="b@x.co")], ok({"id": 1, "status": "updated"}, skipped))

    assert ran.outcomes == ["delivered", "1006"]
    assert ran.verdicts[1].detail == "Field 'vip' not found (Marketo error 1006)"


def test_at_most_300_leads_go_in_one_request() -> None:
    ran = run([identify(user_id=f"u{number}", email=f"u{number}@x.co") for number in range(301)])

    assert [len(body["input"]) for body in ran.bodies] == [300, 1]


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (refused("606"), "retry"),
        (refused("610"), "failed"),
        (answer(200, "<html>"), "retry"),
        (answer(200, ""), "retry"),
        (answer(429, "", retry_after="9"), "retry"),
        (answer(503, "<html>"), "retry"),
        (answer(413, ""), "failed"),
    ],
)
def test_failures_are_judged_by_code_or_status(response: Any, outcome: str) -> None:
    ran = run([identify(), identify(user_id="u2", email="b@x.co")], response)

    assert [verdict.outcome for verdict in ran.verdicts] == [outcome] * 2


def test_an_expired_token_is_renewed_once() -> None:
    ran = run([identify()], refused("601"), answer(200, {"access_token": "new"}), ok())

    assert ran.calls == [SEND, f"POST {HOST}/identity/oauth/token", SEND]
    assert ran.requests[2].headers["Authorization"] == "Bearer new"
    assert ran.outcomes == ["delivered"]


def test_the_connection_is_tested_by_reading() -> None:
    ran = run_operation(
        definition, "test_connection", settings=SETTINGS, responses=[refused("603")], token=Token(access_token="t")
    )

    assert ran.calls == [f"GET {HOST}/rest/v1/leads/describe.json"]
    assert ran.verdict.outcome == "failed"
