from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.pardot import definition
from destinations.kit.definition import Token
from destinations.kit.testing import Ran, answer, identify, run_action, run_operation, track

URL = "https://pi.pardot.com/api/v5/objects/prospects/do/upsertLatestByEmail"
SETTINGS = {"businessUnitID": "0Uv000000000001", "accountID": "999", "isSandbox": False}
TOKEN = Token(access_token="t", refresh_token="r")


def run(event: dict[str, Any], *responses: Any, settings: Any = SETTINGS, **mapping: Any) -> Ran:
    return run_action(
        definition,
        "prospects",
        settings=settings,
        mapping={**definition.presets[0].fields, **mapping},
        events=[event],
        responses=responses,
        trigger="",
        token=TOKEN,
    )


@pytest.mark.parametrize(("entered", "value"), [(True, b"true"), (False, b"false")])
def test_entering_and_leaving_set_the_field_of_the_audience(entered: bool, value: bytes) -> None:
    ran = run(identify(entered=entered, firstName="Ann", last_name="O'Lee"))

    assert ran.calls == [f"POST {URL}"]
    assert ran.request.headers == {
        "Authorization": "Bearer t",
        "Pardot-Business-Unit-Id": "0Uv000000000001",
        "Content-Type": "application/json",
    }
    assert ran.request.body == (
        b'{"matchEmail":"ann@example.org","prospect":{"email":"ann@example.org","firstName":"Ann","lastName":"O\'Lee",'
        b'"vip":%s},"secondaryDeletedSearch":true}' % value
    )
    assert ran.outcomes == ["delivered"]


def test_custom_fields_go_over_the_standard_ones() -> None:
    ran = run(identify(company="Acme"), customFields={"company": "Acme Inc.", "tier": 2}, audience_field=None)

    assert ran.bodies[0]["prospect"] == {"email": "ann@example.org", "company": "Acme Inc.", "tier": 2}


def test_the_email_of_a_track_call_is_found_in_its_context() -> None:
    ran = run(track())

    assert ran.bodies[0]["prospect"] == {"email": "ann@example.org", "vip": True}


def test_without_an_email_nothing_is_sent() -> None:
    ran = run(identify(email=None))

    assert (ran.calls, ran.outcomes) == ([], ["PAYLOAD_VALIDATION_FAILED"])


def test_a_sandbox_has_hosts_of_its_own() -> None:
    renewed = answer(200, {"access_token": "new"})

    ran = run(
        identify(), answer(401, {"code": 184}), renewed, answer(200, {}), settings={**SETTINGS, "isSandbox": True}
    )

    assert ran.calls == [
        "POST https://pi.demo.pardot.com/api/v5/objects/prospects/do/upsertLatestByEmail",
        "POST https://test.salesforce.com/services/oauth2/token",
        "POST https://pi.demo.pardot.com/api/v5/objects/prospects/do/upsertLatestByEmail",
    ]
    assert ran.requests[2].headers["Authorization"] == "Bearer new"
    assert ran.token.refresh_token == "r"


def test_a_refresh_under_way_is_waited_for() -> None:
    busy = answer(400, {"error": "invalid_grant", "error_description": "token request is already being processed"})

    ran = run(identify(), answer(401, ""), busy)

    assert ran.verdict.outcome == "retry"


def test_a_refused_field_is_told_in_pardots_words() -> None:
    ran = run(identify(), answer(400, {"code": 109, "message": "Invalid property vip."}))

    assert (ran.verdict.outcome, ran.verdict.code, ran.verdict.status) == ("failed", "PARDOT_ERROR", 400)
    assert ran.verdict.detail == "Pardot said: Invalid property vip. (code 109)"


@pytest.mark.parametrize("status", [400, 403])
def test_an_answer_in_xml_is_a_wrong_business_unit(status: int) -> None:
    ran = run(identify(), answer(status, "<rsp/>", content_type="text/xml; charset=utf-8"))

    assert (ran.verdict.outcome, ran.verdict.code, ran.verdict.status) == ("failed", "PARDOT_ERROR", 403)


@pytest.mark.parametrize(
    ("response", "outcome", "wait"),
    [
        (answer(429, {"code": 66, "message": "Concurrent limit"}, retry_after="3"), "retry", 3),
        (answer(400, {"code": 66, "message": "Concurrent limit"}), "retry", None),
        (answer(403, {"code": 122, "message": "Daily API rate limit met"}), "retry", None),
        (answer(503, "<html>"), "retry", None),
        (answer(404, "<html>"), "failed", None),
        (answer(400, ""), "failed", None),
    ],
)
def test_other_answers_are_judged_by_their_status(response: Any, outcome: str, wait: float | None) -> None:
    ran = run(identify(), response)

    assert (ran.verdict.outcome, ran.verdict.retry_after) == (outcome, wait)


def test_the_connection_is_tested_by_reading() -> None:
    ran = run_operation(definition, "test_connection", settings=SETTINGS, token=TOKEN)

    assert ran.calls == ["GET https://pi.pardot.com/api/v5/objects/prospects?fields=id&limit=1"]
    assert ran.request.headers["Pardot-Business-Unit-Id"] == "0Uv000000000001"
