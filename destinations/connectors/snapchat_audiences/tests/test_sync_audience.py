from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.snapchat_audiences import definition
from destinations.connectors.snapchat_audiences.sync_audience import phone
from destinations.kit.definition import Token
from destinations.kit.http import Response
from destinations.kit.personal import sha256
from destinations.kit.testing import Rule, answer, identify, run_action, run_operation, track

USERS = "https://adsapi.snapchat.com/v1/segments/s-1/users"
SETTINGS = {"ad_account_id": "acc"}
TOKEN = Token(access_token="tok")
# Snapchat: "Customer information parameters".
PERSON = "542d240129883c019e106e3b1b2d3f3cb3537c43c425364de8e951d5a3083345"
PHONE = "dc008fda46e2e64002cf2f82a4906236282d431c4f75e5b60bfe79fc48546383"


def sync(*events: dict[str, Any], **more: Any) -> Any:
    return run_action(
        definition, "syncAudience", settings=SETTINGS, token=TOKEN, events=events, as_batch=True, trigger="", **more
    )


def enter(user_id: str = "u1", email: str | None = "ann@example.org", **more: Any) -> dict[str, Any]:
    return track(user_id=user_id, email=email, list_id="s-1", **more)


def leave(user_id: str = "u2", email: str = "ben@example.org") -> dict[str, Any]:
    return track(entered=False, user_id=user_id, email=email, list_id="s-1")


def users(schema: str, *hashes: str) -> dict[str, Any]:
    return {"users": [{"schema": [schema], "data": [[one] for one in hashes]}]}


def test_published_examples_are_reproduced() -> None:
    ran = sync(enter(email="Person@Example.com", phone="+44 844 412 4653"))

    assert ran.calls == [f"POST {USERS}"] * 2
    assert ran.bodies == [users("EMAIL_SHA256", PERSON), users("PHONE_SHA256", PHONE)]
    assert ran.requests[0].body == f'{{"users":[{{"schema":["EMAIL_SHA256"],"data":[["{PERSON}"]]}}]}}'.encode()
    assert ran.requests[0].headers == {"Authorization": "Bearer tok", "Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("given", "normal"), [("0044 (844) 412-4653", "448444124653"), ("0844 412", "844412"), ("00049 30", "4930")]
)
def test_phones_are_normalized(given: str, normal: str) -> None:
    assert phone(given) == normal


def test_adds_and_removes_and_kinds_go_apart() -> None:
    ran = sync(enter(android_idfa=" AEBE-1 "), leave(), identify(user_id="u3", email="cid@example.org", list_id="s-1"))

    assert ran.calls == [f"POST {USERS}", f"POST {USERS}", f"DELETE {USERS}"]
    assert ran.bodies == [
        users("EMAIL_SHA256", sha256("ann@example.org"), sha256("cid@example.org")),
        users("MOBILE_AD_ID_SHA256", sha256("aebe-1")),
        users("EMAIL_SHA256", sha256("ben@example.org")),
    ]


def test_a_hash_is_sent_once_and_not_hashed_again() -> None:
    ran = sync(enter(email=PERSON.upper()), enter("u2", email="person@example.com"))

    assert ran.bodies == [users("EMAIL_SHA256", PERSON)]
    assert ran.outcomes == ["delivered"] * 2


def test_one_without_identifiers_fails_alone() -> None:
    ran = sync(enter(), enter("u2", email=None))

    assert ran.outcomes == ["delivered", "PAYLOAD_VALIDATION_FAILED"]
    assert len(ran.requests) == 1


def test_a_failed_call_fails_those_in_it() -> None:
    refused = Rule(url=USERS, method="DELETE", response=answer(400, {"display_message": "Segment is archived"}))

    ran = sync(enter(), leave(), responses=[refused])

    assert ran.outcomes == ["delivered", "400"]
    assert ran.verdicts[1].detail == "Snapchat: Segment is archived"


@pytest.mark.parametrize(
    ("response", "outcome", "code", "wait"),
    [
        (answer(429, "", retry_after="7"), "retry", "429", 7.0),
        (Response(status=502, body=b"<html>"), "retry", "502", None),
        (answer(403, ""), "failed", "403", None),
        (answer(401, ""), "failed", "INVALID_AUTHENTICATION", None),
    ],
)
def test_failures_are_judged(response: Response, outcome: str, code: str, wait: float | None) -> None:
    ran = sync(enter(), responses=[response])

    assert (ran.verdict.outcome, ran.verdict.code, ran.verdict.retry_after) == (outcome, code, wait)


def test_a_segment_is_made_and_looked_up() -> None:
    made = run_operation(
        definition,
        "create_audience",
        settings=SETTINGS,
        audience_settings={"description": "Spenders", "retention_in_days": 180},
        responses=[answer(200, {"segments": [{"segment": {"id": "s-1"}}]})],
        token=TOKEN,
    )
    found = run_operation(
        definition,
        "get_audience",
        settings=SETTINGS,
        external_audience_id="s-1",
        responses=[answer(200, {"segments": [{"segment": {"id": "s-1"}}]})],
        token=TOKEN,
    )

    assert (made.result, found.result) == ("s-1", "s-1")
    assert made.calls == ["POST https://adsapi.snapchat.com/v1/adaccounts/acc/segments"]
    segment = {
        "name": "VIP",
        "source_type": "FIRST_PARTY",
        "ad_account_id": "acc",
        "description": "Spenders",
        "retention_in_days": 180,
    }
    assert made.bodies == [{"segments": [segment]}]
    assert found.calls == ["GET https://adsapi.snapchat.com/v1/segments/s-1"]


def test_a_segment_that_was_not_made_says_why() -> None:
    failed = {"request_status": "SUCCESS", "segments": [{"sub_request_error_reason": "Name is taken"}]}

    ran = run_operation(definition, "create_audience", settings=SETTINGS, responses=[answer(200, failed)], token=TOKEN)

    assert (ran.verdict.code, ran.verdict.detail) == (
        "CREATE_AUDIENCE_FAILED",
        "Snapchat made no segment. Name is taken",
    )


def test_tokens_are_renewed() -> None:
    ran = run_operation(
        definition,
        "refresh",
        settings=SETTINGS,
        token=Token(refresh_token="r"),
        operator={"oauth_client_id": "c", "oauth_client_secret": "s"},
        responses=[answer(200, {"access_token": "new"})],
    )

    assert ran.calls == ["POST https://accounts.snapchat.com/login/oauth2/access_token"]
    assert ran.result.access_token == "new"
