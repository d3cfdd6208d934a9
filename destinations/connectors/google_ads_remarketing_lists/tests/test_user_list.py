from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.google_ads_remarketing_lists import definition
from destinations.kit.definition import Token
from destinations.kit.http import Response
from destinations.kit.personal import sha256
from destinations.kit.testing import Rule, answer, identify, run_action, run_operation, track

HOST = "https://googleads.googleapis.com/v21/customers/1234567890"
JOB = f"{HOST}/offlineUserDataJobs/55"
MAKE, FILL, RUN = f"POST {HOST}/offlineUserDataJobs:create", f"POST {JOB}:addOperations", f"POST {JOB}:run"
SETTINGS = {"customerId": "123-456-7890", "loginCustomerId": "222-333-4444", "adUserDataConsent": "GRANTED"}
OPERATOR = {"developer_token": "dev"}
TOKEN = Token(access_token="tok")
MADE = Rule(
    url=f"{HOST}/offlineUserDataJobs:create",
    response=answer(200, {"resourceName": "customers/1234567890/offlineUserDataJobs/55"}),
)


def sync(*events: dict[str, Any], rules: tuple[Rule, ...] = (), batch: bool = True, **more: Any) -> Any:
    return run_action(
        definition,
        "userList",
        settings=SETTINGS,
        operator=OPERATOR,
        token=TOKEN,
        events=events,
        as_batch=batch,
        trigger="",
        responses=[*rules, MADE],
        **more,
    )


def enter(user_id: str = "u1", email: str | None = "ann@example.org", **more: Any) -> dict[str, Any]:
    return track(user_id=user_id, email=email, list_id="7566", **more)


def leave(user_id: str = "u2", email: str = "ben@example.org") -> dict[str, Any]:
    return track(entered=False, user_id=user_id, email=email, list_id="7566")


def contact(email: str) -> dict[str, Any]:
    return {"userIdentifiers": [{"hashedEmail": sha256(email)}]}


def test_adds_and_removes_go_into_one_job() -> None:
    ran = sync(enter(), leave(), identify(user_id="u3", email="cid@example.org", list_id="7566"))

    assert ran.calls == [MAKE, FILL, FILL, RUN]
    job = {
        "type": "CUSTOMER_MATCH_USER_LIST",
        "customerMatchUserListMetadata": {
            "userList": "customers/1234567890/userLists/7566",
            "consent": {"adUserData": "GRANTED", "adPersonalization": "UNSPECIFIED"},
        },
    }
    assert ran.bodies == [
        {"job": job},
        {
            "operations": [{"create": contact("ann@example.org")}, {"create": contact("cid@example.org")}],
            "enablePartialFailure": True,
        },
        {"operations": [{"remove": contact("ben@example.org")}], "enablePartialFailure": True},
        None,
    ]
    assert ran.requests[0].headers == {
        "Authorization": "Bearer tok",
        "developer-token": "dev",
        "login-customer-id": "2223334444",
        "Content-Type": "application/json",
    }
    assert ran.outcomes == ["delivered"] * 3


def test_one_alone_asks_for_warnings() -> None:
    ran = sync(leave(), batch=False)

    assert ran.calls == [MAKE, FILL, RUN]
    assert ran.bodies[1] == {"operations": [{"remove": contact("ben@example.org")}], "enable_warnings": True}


@pytest.mark.parametrize("name", ["Audience Entered", "VIP"])
def test_membership_decides_whatever_the_event_is_called(name: str) -> None:
    ran = sync(leave() | {"event": name})

    assert ran.bodies[1]["operations"] == [{"remove": contact("ben@example.org")}]


def test_one_who_cannot_be_found_fails_alone() -> None:
    ran = sync(enter(), enter("u2", email=None), enter("u3", email="no address"))

    assert ran.outcomes == ["delivered", "PAYLOAD_VALIDATION_FAILED", "PAYLOAD_VALIDATION_FAILED"]
    assert len(ran.bodies[1]["operations"]) == 1


def test_without_anybody_no_job_is_made() -> None:
    ran = sync(enter(email=None), enter("u2", email=None))

    assert ran.requests == []


def partial(place: int) -> dict[str, Any]:
    path = [{"fieldName": "operations", "index": place}, {"fieldName": "create"}]
    return {
        "partialFailureError": {
            "code": 3,
            "details": [{"errors": [{"message": "Bad hash.", "location": {"fieldPathElements": path}}]}],
        }
    }


def test_refused_operations_are_counted_within_their_call() -> None:
    answers = Rule(url=f"{JOB}:addOperations", response=answer(200, partial(0)), times=1)
    second = Rule(url=f"{JOB}:addOperations", response=answer(200, partial(1)), times=1)

    ran = sync(enter(), leave(), leave("u3", "cid@example.org"), rules=(answers, second))

    assert ran.outcomes == ["PAYLOAD_VALIDATION_FAILED", "delivered", "PAYLOAD_VALIDATION_FAILED"]
    assert ran.verdicts[0].detail == "Google Ads: Bad hash."


def refusal(**code: str) -> dict[str, Any]:
    found = {"errorCode": code, "message": "No."}
    return {"error": {"code": 400, "message": "Request is bad.", "details": [{"errors": [found]}]}}


def test_a_busy_list_is_tried_again() -> None:
    busy = Rule(url=f"{JOB}:run", response=answer(400, refusal(databaseError="CONCURRENT_MODIFICATION")))

    batch, alone = sync(enter(), rules=(busy,)), sync(enter(), rules=(busy,), batch=False)

    assert (batch.verdict.outcome, batch.verdict.code) == ("retry", "429")
    assert (alone.verdict.outcome, alone.verdict.code) == ("retry", "500")
    assert batch.verdict.detail == "Google Ads: No. (CONCURRENT_MODIFICATION)"


def test_a_quota_says_how_long_to_wait() -> None:
    body = refusal(quotaError="RESOURCE_EXHAUSTED")
    body["error"]["details"][0]["errors"][0]["details"] = {"quotaErrorDetails": {"retryDelay": "30s"}}

    ran = sync(enter(), rules=(Rule(response=answer(429, body)),))

    assert (ran.verdict.outcome, ran.verdict.retry_after) == ("retry", 30.0)


@pytest.mark.parametrize(
    ("response", "outcome", "code"),
    [
        (answer(403, refusal(authorizationError="DEVELOPER_TOKEN_NOT_APPROVED")), "failed", "403"),
        (Response(status=503, body=b"<html>"), "retry", "503"),
        (answer(400, ""), "failed", "400"),
        (answer(401, ""), "failed", "INVALID_AUTHENTICATION"),
    ],
)
def test_failures_are_judged(response: Response, outcome: str, code: str) -> None:
    ran = sync(enter(), rules=(Rule(response=response),))

    assert (ran.verdict.outcome, ran.verdict.code) == (outcome, code)


def test_what_is_no_list_is_refused_before_anything_is_sent() -> None:
    ran = sync(track(list_id="7/../8"))

    assert ran.requests == []
    assert ran.outcomes == ["PAYLOAD_VALIDATION_FAILED"]


def test_a_list_is_made_for_what_it_matches_by() -> None:
    ran = run_operation(
        definition,
        "create_audience",
        settings=SETTINGS,
        audience_settings={"external_id_type": "MOBILE_ADVERTISING_ID", "app_id": "com.shop"},
        responses=[answer(200, {"results": [{"resourceName": "customers/1234567890/userLists/7566"}]})],
        token=TOKEN,
    )

    assert ran.result == "7566"
    assert ran.calls == [f"POST {HOST}/userLists:mutate"]
    match = {"uploadKeyType": "MOBILE_ADVERTISING_ID", "appId": "com.shop"}
    create = {"crmBasedUserList": match, "membershipLifeSpan": "540", "name": "VIP"}
    assert ran.bodies == [{"operations": [{"create": create}]}]


def test_lists_are_looked_after_with_a_fresh_token() -> None:
    renewable = Token(access_token="old", refresh_token="r")
    tokens = Rule(url="https://www.googleapis.com", response=answer(200, {"access_token": "new"}))
    found = Rule(url=HOST, response=answer(200, {"results": [{"userList": {"id": "7566"}}]}))

    ran = run_operation(
        definition,
        "get_audience",
        settings=SETTINGS,
        external_audience_id="7566",
        responses=[tokens, found],
        token=renewable,
        operator={"oauth_client_id": "c", "oauth_client_secret": "s"},
    )

    assert ran.result == "7566"
    assert ran.bodies[0] == {
        "refresh_token": "r",
        "client_id": "c",
        "client_secret": "s",
        "grant_type": "refresh_token",
    }
    assert ran.requests[1].headers["Authorization"] == "Bearer new"


def test_a_list_that_is_gone_is_told() -> None:
    ran = run_operation(
        definition,
        "get_audience",
        settings=SETTINGS,
        external_audience_id="7566",
        responses=[answer(200, {})],
        token=TOKEN,
    )

    assert ran.result is None


def test_the_connection_is_tested_by_reading_the_account() -> None:
    ran = run_operation(definition, "test_connection", settings=SETTINGS, token=TOKEN)

    assert ran.calls == [f"POST {HOST}/googleAds:search"]


def test_it_is_never_synced_more_often_than_every_six_hours() -> None:
    assert definition.list_interval_minutes == 360
