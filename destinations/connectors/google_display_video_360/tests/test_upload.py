from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.google_display_video_360 import definition, wire
from destinations.kit.http import Response
from destinations.kit.testing import Rule, answer, run_action, run_operation, track

NAME = "products/DISPLAY_VIDEO_ADVERTISER/customers/777/userLists/300"
UPLOAD = "POST https://cm.g.doubleclick.net/upload?nid=eng"
PARTNER = {
    "oauth_client_id": "c",
    "oauth_client_secret": "s",
    "refresh_token": "r",
    "partner_id": "1663",
    "network_id": "eng",
}
ACCOUNT = {"advertiserId": "777", "accountType": "DISPLAY_VIDEO_ADVERTISER"}


def run(*events: dict[str, Any], action: str = "syncAudience", **more: Any) -> Any:
    return run_action(definition, action, operator=PARTNER, events=events, as_batch=True, **more)


def person(*, entered: bool = True, device: str = "", anonymous_id: str = "", **more: Any) -> dict[str, Any]:
    event = track(entered=entered, email=None, list_id=NAME, **more)
    if device:
        event["context"]["device"] = {"advertisingId": device}
    return event | ({"anonymousId": anonymous_id} if anonymous_id else {})


# user_id, user_list_id 300, delete, user_id_type; then process_consent.
ADD_IDFA = b"\x0a\x0b\x0a\x02A-\x20\xac\x02\x30\x00\x70\x01"
ADD_PARTNER = b"\x0a\x0a\x0a\x01p\x20\xac\x02\x30\x00\x70\x04"
REMOVE_ANDROID = b"\x0a\x0a\x0a\x01b\x20\xac\x02\x30\x01\x70\x02"
CONSENT = b"\x18\x01"


def test_adds_and_removes_are_uploaded_apart_byte_for_byte() -> None:
    ran = run(person(device="A-", anonymous_id="p"), person(entered=False, device="b", user_id="u2"))

    assert ran.calls == [UPLOAD, UPLOAD]
    assert [request.body for request in ran.requests] == [ADD_IDFA + ADD_PARTNER + CONSENT, REMOVE_ANDROID + CONSENT]
    assert ran.requests[0].headers == {"Content-Type": "application/octet-stream"}
    assert ran.outcomes == ["delivered"] * 2


@pytest.mark.parametrize(("action", "entered"), [("addToAudience", True), ("removeFromAudience", False)])
def test_the_actions_of_old_go_by_the_name_of_the_event(action: str, entered: bool) -> None:
    ran = run(person(device="b", entered=entered), action=action)

    assert ran.requests[0].body == b"\x0a\x0a\x0a\x01b\x20\xac\x02\x30" + bytes([not entered]) + b"\x70\x02" + CONSENT


def test_one_without_identifiers_is_passed_over() -> None:
    ran = run(person())

    assert (ran.requests, ran.outcomes) == ([], ["delivered"])


def test_one_who_says_nothing_of_membership_fails_alone() -> None:
    ran = run(person(device="A-"), person(device="b", user_id="u2", vip="true"))

    assert ran.outcomes == ["delivered", "INVALID_AUDIENCE_MEMBERSHIP"]


@pytest.mark.parametrize(
    ("response", "outcome", "code"),
    [
        (Response(status=200, body=b""), "delivered", ""),
        (Response(status=200, body=b"\x08\x01\x12\x02\x08\x07"), "delivered", ""),
        (Response(status=200, body=b"\x08\x02"), "failed", "PERMISSION_DENIED"),
        (Response(status=200, body=b"\x08\x0a"), "retry", "INTERNAL_ERROR"),
        (Response(status=200, body=b"<html>"), "retry", "INVALID_RESPONSE"),
        (Response(status=500, body=b""), "retry", "500"),
        (Response(status=400, body=b"\x08\x0a"), "retry", "500"),
        (Response(status=400, body=b"\x08\x03"), "failed", "400"),
        (answer(429, "", retry_after="3"), "retry", "429"),
    ],
)
def test_uploads_are_judged_by_status_and_answer(response: Response, outcome: str, code: str) -> None:
    ran = run(person(device="A-"), responses=[response])

    assert (ran.verdict.outcome, ran.verdict.code) == (outcome, code)


@pytest.mark.parametrize("body", [b"{}", b"\x08", b"\x12\x7f"])
def test_what_is_no_answer_of_the_upload_has_no_status(body: bytes) -> None:
    assert wire.status(body) is None


TOKENS = Rule(url="https://accounts.google.com", response=answer(200, {"access_token": "tok"}))
API = "https://audiencepartner.googleapis.com/v2/products/DISPLAY_VIDEO_ADVERTISER/customers/777"


def test_a_list_is_made_in_the_name_of_the_partner() -> None:
    made = Rule(url=API, response=answer(200, {"results": [{"resourceName": NAME}]}))

    ran = run_operation(
        definition, "create_audience", operator=PARTNER, audience_settings=ACCOUNT, responses=[TOKENS, made]
    )

    assert ran.result == NAME
    assert ran.calls == ["POST https://accounts.google.com/o/oauth2/token", f"POST {API}/userLists:mutate"]
    assert ran.requests[1].headers == {
        "Authorization": "Bearer tok",
        "Content-Type": "application/json",
        "Login-Customer-Id": "products/DATA_PARTNER/customers/1663",
        "Linked-Customer-Id": "products/DISPLAY_VIDEO_ADVERTISER/customers/777",
    }
    assert ran.bodies[1]["operations"][0]["create"]["name"] == "VIP"


@pytest.mark.parametrize(("names", "found"), [([NAME], NAME), ([], None)])
def test_a_list_is_looked_up(names: list[str], found: str | None) -> None:
    rows = [{"userList": {"resourceName": name}} for name in names]

    ran = run_operation(
        definition,
        "get_audience",
        operator=PARTNER,
        audience_settings=ACCOUNT,
        external_audience_id=NAME,
        responses=[TOKENS, Rule(url=API, response=answer(200, [{"results": rows}]))],
    )

    assert ran.result == found


@pytest.mark.parametrize(
    ("operator", "account", "code"),
    [
        ({}, ACCOUNT, "PARTNER_MISSING"),
        (PARTNER, {}, "CREATE_AUDIENCE_FAILED"),
        (PARTNER, {**ACCOUNT, "accountType": "x"}, "CREATE_AUDIENCE_FAILED"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_asked(
    operator: dict[str, str], account: dict[str, str], code: str
) -> None:
    ran = run_operation(definition, "create_audience", operator=operator, audience_settings=account)

    assert (ran.requests, ran.verdict.code) == ([], code)


def test_there_is_no_history() -> None:
    assert definition.has_history is False
