from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.pinterest_audiences import definition
from destinations.connectors.pinterest_audiences.lists import NOBODY
from destinations.kit.definition import Token
from destinations.kit.http import Response
from destinations.kit.personal import sha256
from destinations.kit.testing import Rule, answer, identify, run_action, run_operation, track

HOST = "https://api.pinterest.com/v5"
LIST = f"{HOST}/ad_accounts/549/customer_lists/643"
SETTINGS = {"adAccountId": "549"}
TOKEN = Token(access_token="tok")
# SHA-256 examples of mary@example.com and of test@example.com that vendors publish; the rule is the same here.
MARY = "f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79"
TEST = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"


def sync(*events: dict[str, Any], **more: Any) -> Any:
    return run_action(definition, "syncAudience", settings=SETTINGS, token=TOKEN, events=events, as_batch=True, **more)


def enter(user_id: str = "u1", email: str | None = "mary@example.com", **more: Any) -> dict[str, Any]:
    return track(user_id=user_id, email=email, list_id="643:99", **more)


def leave(user_id: str = "u2", email: str = "test@example.com") -> dict[str, Any]:
    return track(entered=False, user_id=user_id, email=email, list_id="643:99")


def test_published_examples_are_reproduced() -> None:
    ran = sync(enter(email=" Mary@Example.com"), enter("u2", email="TEST@example.com"))

    assert ran.calls == [f"PATCH {LIST}"]
    assert ran.request.body == f'{{"records":"{MARY},{TEST}","operation_type":"ADD"}}'.encode()
    assert ran.request.headers == {"Authorization": "Bearer tok", "Content-Type": "application/json"}


def test_adds_and_removes_and_kinds_go_apart() -> None:
    ran = sync(enter(ios_idfa="AEBE-1"), leave(), identify(user_id="u3", email="test@example.com", list_id="643"))

    assert ran.calls == [f"PATCH {LIST}"] * 3
    assert ran.bodies == [
        {"records": f"{MARY},{TEST}", "operation_type": "ADD"},
        {"records": sha256("aebe-1"), "operation_type": "ADD"},
        {"records": TEST, "operation_type": "REMOVE"},
    ]
    assert ran.outcomes == ["delivered"] * 3


def test_one_without_identifiers_or_membership_fails_alone() -> None:
    ran = sync(enter(), enter("u2", email=None), enter("u3", vip="yes"))

    assert ran.outcomes == ["delivered", "PAYLOAD_VALIDATION_FAILED", "INVALID_AUDIENCE_MEMBERSHIP"]
    assert ran.bodies == [{"records": MARY, "operation_type": "ADD"}]


def test_without_a_list_nothing_is_sent() -> None:
    ran = sync(track())

    assert ran.requests == []


def test_a_failed_call_fails_those_in_it() -> None:
    ran = sync(enter(), leave(), responses=[answer(200, {}), answer(403, {"code": 7, "message": "No access"})])

    assert ran.outcomes == ["delivered", "403"]
    assert ran.verdicts[1].detail == "Pinterest: No access"


@pytest.mark.parametrize(
    ("response", "outcome", "code", "wait"),
    [
        (answer(429, {"message": "slow"}, x_ratelimit_reset="9"), "retry", "429", 9.0),
        (Response(status=502, body=b"<html>"), "retry", "502", None),
        (answer(400, ""), "failed", "400", None),
        (answer(401, ""), "failed", "INVALID_AUTHENTICATION", None),
    ],
)
def test_failures_are_judged(response: Response, outcome: str, code: str, wait: float | None) -> None:
    ran = sync(enter(), responses=[response])

    assert (ran.verdict.outcome, ran.verdict.code, ran.verdict.retry_after) == (outcome, code, wait)


LISTS, AUDIENCES = f"{HOST}/ad_accounts/549/customer_lists", f"{HOST}/ad_accounts/549/audiences"
MADE = Rule(url=LISTS, response=answer(200, {"id": "643"}))


@pytest.mark.parametrize(("status", "external_id"), [(200, "643:99"), (400, "643"), (503, "643")])
def test_a_list_is_made_and_an_audience_of_it_as_soon_as_pinterest_allows(status: int, external_id: str) -> None:
    audience = Rule(url=AUDIENCES, response=answer(status, {"id": "99"}))

    ran = run_operation(definition, "create_audience", settings=SETTINGS, responses=[MADE, audience], token=TOKEN)

    assert ran.result == external_id
    assert ran.calls == [f"POST {LISTS}", f"POST {AUDIENCES}"]
    assert ran.bodies == [
        {"name": "VIP", "records": NOBODY, "list_type": "EMAIL"},
        {"name": "VIP", "audience_type": "CUSTOMER_LIST", "rule": {"customer_list_id": "643"}},
    ]


@pytest.mark.parametrize(
    ("known", "found", "calls"),
    [("643:99", "643:99", [f"GET {LIST}"]), ("643", "643:99", [f"GET {LIST}", f"POST {AUDIENCES}"])],
)
def test_a_list_is_looked_up_and_gets_its_audience(known: str, found: str, calls: list[str]) -> None:
    audience = Rule(url=AUDIENCES, response=answer(200, {"id": "99"}))

    ran = run_operation(
        definition,
        "get_audience",
        settings=SETTINGS,
        external_audience_id=known,
        responses=[MADE, audience],
        token=TOKEN,
    )

    assert (ran.result, ran.calls) == (found, calls)


def test_tokens_are_renewed_with_basic() -> None:
    ran = run_operation(
        definition,
        "refresh",
        settings={**SETTINGS, "oauth_client_id": "c", "oauth_client_secret": "s"},
        token=Token(refresh_token="r"),
        responses=[answer(200, {"access_token": "new"})],
    )

    assert ran.calls == [f"POST {HOST}/oauth/token"]
    assert ran.request.headers["Authorization"] == "Basic Yzpz"
    assert ran.bodies == [{"refresh_token": "r", "grant_type": "refresh_token"}]
