from __future__ import annotations

import json
from typing import Any

import pytest

from destinations.connectors.facebook_custom_audiences_website import definition
from destinations.kit.definition import Token
from destinations.kit.http import Response
from destinations.kit.personal import sha256
from destinations.kit.testing import answer, identify, run_action, run_operation, track

HOST = "https://graph.facebook.com/v24.0"
SETTINGS = {"pixelId": "77", "adAccountId": "111"}
TOKEN = Token(access_token="tok")
# Meta: "Customer information parameters".
JOHN = "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"
PHONE = "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"


def send(*events: dict[str, Any], settings: dict[str, Any] | None = None, **more: Any) -> Any:
    return run_action(
        definition, "sendEvent", settings=settings or SETTINGS, token=TOKEN, events=events, as_batch=True, **more
    )


def test_one_who_enters_is_told_with_published_hashes() -> None:
    ran = send(track(email="John_Smith@gmail.com", phone="+1 (650)555-1212"))

    assert ran.calls == [f"POST {HOST}/77/events"]
    assert ran.request.headers == {"Authorization": "Bearer tok", "Content-Type": "application/json"}
    assert ran.bodies == [
        {
            "data": [
                {
                    "event_name": "Audience Entered",
                    "event_time": 1714979289,
                    "event_id": "personas_track_u1_in",
                    "action_source": "system_generated",
                    "user_data": {"em": [JOHN], "ph": [PHONE], "external_id": [sha256("u1")]},
                    "custom_data": {"audience_key": "vip"},
                }
            ]
        }
    ]


def test_one_who_leaves_is_told_whatever_the_event_is_called() -> None:
    ran = send(track(entered=False) | {"event": "VIP left"}, identify(user_id="u2"))

    assert [event["event_name"] for event in ran.bodies[0]["data"]] == ["Audience Exited", "Audience Entered"]


def test_events_of_a_website_need_its_page_and_the_user_agent() -> None:
    event = track()
    event["context"] |= {"userAgent": "Firefox", "page": {"url": "https://shop.example/"}, "ip": "192.0.2.1"}
    website = {"actionSource": "website"}

    full, bare = send(event, mapping=website), send(track(), mapping=website)

    assert full.bodies[0]["data"][0]["event_source_url"] == "https://shop.example/"
    assert full.bodies[0]["data"][0]["user_data"]["client_user_agent"] == "Firefox"
    assert (bare.requests, bare.outcomes) == ([], ["PAYLOAD_VALIDATION_FAILED"])


def test_bad_ones_fail_alone_before_anything_is_sent() -> None:
    old = track(user_id="u2") | {"timestamp": "2024-04-01T00:00:00Z"}
    nobody = track(user_id=None, email=None)
    unsure = track(user_id="u4", vip=1)

    ran = send(track(), old, nobody, unsure)

    assert ran.outcomes == [
        "delivered",
        "PAYLOAD_VALIDATION_FAILED",
        "PAYLOAD_VALIDATION_FAILED",
        "INVALID_AUDIENCE_MEMBERSHIP",
    ]
    assert len(ran.bodies[0]["data"]) == 1


def test_a_test_code_goes_with_the_events() -> None:
    ran = send(track(), settings={**SETTINGS, "testEventCode": "TEST1"})

    assert ran.bodies[0]["test_event_code"] == "TEST1"


def test_a_bad_event_is_found_by_halving() -> None:
    bad = answer(400, {"error": {"code": 100, "error_subcode": 2804050, "message": "Bad event"}})

    ran = send(*(track(user_id=f"u{place}") for place in range(3)), responses=[bad, answer(200), bad, bad, answer(200)])

    assert [len(body["data"]) for body in ran.bodies] == [3, 1, 2, 1, 1]
    assert ran.outcomes == ["delivered", "400", "delivered"]


@pytest.mark.parametrize(
    ("response", "outcome", "code"),
    [
        (answer(400, {"error": {"code": 100, "error_subcode": 33, "message": "No such pixel"}}), "failed", "400"),
        (answer(400, {"error": {"code": 4, "message": "Limit"}}), "retry", "429"),
        (answer(429, "", retry_after="5"), "retry", "429"),
        (Response(status=502, body=b"<html>"), "retry", "502"),
        (answer(400, {"error": {"code": 190, "message": "Expired"}}), "failed", "INVALID_AUTHENTICATION"),
    ],
)
def test_failures_are_judged(response: Response, outcome: str, code: str) -> None:
    ran = send(track(), track(user_id="u2"), responses=[response])

    assert [(one.outcome, one.code) for one in ran.verdicts] == [(outcome, code)] * 2
    assert len(ran.requests) == 1


def test_an_audience_has_a_rule_and_nobody_from_before() -> None:
    ran = run_operation(
        definition,
        "create_audience",
        settings=SETTINGS,
        audience_settings={"retentionDays": 30},
        responses=[answer(200, {"id": "9"})],
        token=TOKEN,
    )

    assert (ran.result, ran.calls) == ("9", [f"POST {HOST}/act_111/customaudiences"])
    body = ran.bodies[0]
    assert (body["name"], body["retention_days"], body["prefill"]) == ("VIP", 30, False)
    assert json.loads(body["rule"])["inclusions"]["rules"] == [
        {
            "event_sources": [{"id": "77", "type": "pixel"}],
            "retention_seconds": 2_592_000,
            "filter": {
                "operator": "and",
                "filters": [
                    {"field": "event", "operator": "eq", "value": "Audience Entered"},
                    {"field": "audience_key", "operator": "eq", "value": "vip"},
                ],
            },
        }
    ]


def test_there_is_no_history() -> None:
    assert definition.has_history is False
