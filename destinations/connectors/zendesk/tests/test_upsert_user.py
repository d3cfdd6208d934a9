from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.zendesk import definition
from destinations.connectors.zendesk.api import snake_case
from destinations.kit.definition import Token
from destinations.kit.http import Response
from destinations.kit.testing import Rule, answer, identify, run_action, run_operation

API = "https://acme.zendesk.com/api/v2"
SETTINGS = {"subdomain": "acme", "email": "admin@acme.example", "api_token": "t"}
INVALID = {
    "error": "RecordInvalid",
    "description": "Record validation errors",
    "details": {"email": [{"description": "Email: x is already being used by another user"}]},
}


def run(
    *events: dict[str, Any], responses: Any = (), settings: dict[str, Any] | None = None, batch: bool = False
) -> Any:
    return run_action(
        definition,
        "upsertUser",
        settings={**SETTINGS, **(settings or {})},
        events=events,
        responses=responses,
        as_batch=batch,
    )


def named(**more: Any) -> dict[str, Any]:
    return identify(**{"name": "Ann Lee", **more})


def test_a_user_is_written_with_the_audience_as_a_field() -> None:
    event = named(phone="+1", timezone="Europe/Rome", organizationId=5, favoriteTeam="A")

    ran = run(event, responses=[answer(201, {"user": {"id": 1}})])

    assert ran.calls == [f"POST {API}/users/create_or_update"]
    assert ran.request.headers["Authorization"] == "Basic YWRtaW5AYWNtZS5leGFtcGxlL3Rva2VuOnQ="
    assert ran.bodies == [
        {
            "user": {
                "name": "Ann Lee",
                "email": "ann@example.org",
                "external_id": "u1",
                "phone": "+1",
                "time_zone": "Europe/Rome",
                "organization_id": "5",
                "user_fields": {"vip": True, "favorite_team": "A"},
            }
        }
    ]
    assert ran.verdict.outcome == "delivered"


def test_leaving_sends_false() -> None:
    assert run(named(entered=False)).bodies[0]["user"]["user_fields"] == {"vip": False}


def test_the_name_is_made_of_first_and_last_name() -> None:
    ran = run(identify(firstName="Ann", last_name="Lee"))

    assert ran.bodies[0]["user"]["name"] == "Ann Lee"


def test_without_a_name_nothing_is_sent() -> None:
    ran = run(identify())

    assert ran.calls == []
    assert ran.outcomes == ["PAYLOAD_VALIDATION_FAILED"]
    assert "name" in ran.verdict.detail


def test_without_identifiers_nothing_is_sent() -> None:
    assert run(named(user_id=None, email=None)).calls == []


def test_the_name_is_sent_along_by_audiences() -> None:
    assert definition.required_traits[0] == "name"


def test_users_can_be_verified() -> None:
    assert run(named(), settings={"create_as_verified": True}).bodies[0]["user"]["verified"] is True


def test_an_oauth_token_does_instead() -> None:
    ran = run_action(
        definition,
        "upsertUser",
        settings={"subdomain": "acme"},
        token=Token(access_token="o"),
        events=[named()],
    )

    assert ran.request.headers["Authorization"] == "Bearer o"


@pytest.mark.parametrize("subdomain", ["acme.evil.example/", "-a", "a b", "x@y"])
def test_a_subdomain_that_is_none_is_refused(subdomain: str) -> None:
    ran = run(named(), settings={"subdomain": subdomain})

    assert ran.calls == []
    assert "subdomain" in ran.verdict.detail


def test_a_person_leaves_an_organization() -> None:
    event = named(company={"id": 9, "remove": True})
    responses = [
        Rule(url=f"{API}/users/create_or_update", response=answer(200, {"user": {"id": 1}})),
        Rule(
            url=f"{API}/users/1/organization_memberships",
            response=answer(
                200, {"organization_memberships": [{"id": 4, "organization_id": 8}, {"id": 5, "organization_id": 9}]}
            ),
        ),
    ]

    ran = run(event, responses=responses, settings={"remove_from_organizations": True})
    kept = run(event, responses=responses)

    assert ran.calls[1:] == [
        f"GET {API}/users/1/organization_memberships",
        f"DELETE {API}/users/1/organization_memberships/5",
    ]
    assert len(kept.calls) == 1


@pytest.mark.parametrize(
    ("response", "outcome", "said"),
    [
        (answer(422, INVALID), "failed", "already being used"),
        (answer(409, {"error": "Conflict"}), "retry", "same record"),
        (answer(403, {"error": {"title": "Forbidden", "message": "no"}}), "failed", "Forbidden"),
        (answer(404, "<html></html>"), "failed", "404"),
        (answer(401, {"error": "Couldn't authenticate you"}), "failed", "401"),
        (answer(500, ""), "retry", "500"),
    ],
)
def test_a_failing_vendor(response: Response, outcome: str, said: str) -> None:
    ran = run(named(), responses=[response])

    assert ran.verdict.outcome == outcome
    assert said in ran.verdict.detail


def test_a_rate_limit_is_waited_for() -> None:
    ran = run(named(), responses=[answer(429, {}, retry_after="37")])

    assert (ran.verdict.outcome, ran.verdict.retry_after) == ("retry", 37)


def test_a_batch_is_a_job_whose_results_are_looked_up() -> None:
    done = {"status": "completed", "results": [{"id": 1}, {"error": "UserCreateError", "details": "bad e-mail"}]}
    responses = [
        Rule(url=f"{API}/users", response=answer(200, {"job_status": {"id": "j1", "status": "queued"}})),
        Rule(url=f"{API}/job_statuses/j1", response=answer(200, {"job_status": done})),
    ]
    events = [
        named(user_id="u1", email="a@example.org"),
        identify(user_id="u2", email="b@example.org"),
        named(user_id="u3", email="c@example.org"),
    ]

    ran = run(*events, responses=responses, batch=True)

    assert ran.calls == [f"POST {API}/users/create_or_update_many", f"GET {API}/job_statuses/j1"]
    assert [user["email"] for user in ran.bodies[0]["users"]] == ["a@example.org", "c@example.org"]
    assert ran.outcomes == ["delivered", "PAYLOAD_VALIDATION_FAILED", "PAYLOAD_VALIDATION_FAILED"]
    assert "bad e-mail" in ran.verdicts[2].detail


def test_the_later_of_two_changes_counts_in_a_batch() -> None:
    ran = run(named(entered=True), named(entered=False), responses=[answer(200, {})], batch=True)

    assert [user["user_fields"] for user in ran.bodies[0]["users"]] == [{"vip": False}]
    assert ran.outcomes == ["delivered", "delivered"]


def test_a_job_that_zendesk_gave_up_is_tried_again() -> None:
    ran = run(named(), responses=[answer(200, {"job_status": {"id": "j", "status": "failed"}})], batch=True)

    assert ran.verdict.outcome == "retry"


def test_bulk_imports_that_are_not_enabled_are_told() -> None:
    ran = run(named(), responses=[answer(403, {"error": "Forbidden", "description": "bulk import"})], batch=True)

    assert ran.verdict.outcome == "failed"
    assert "bulk import" in ran.verdict.detail


@pytest.mark.parametrize(("key", "snake"), [("favoriteTeam", "favorite_team"), ("A b-C", "a_b_c"), ("x1Y", "x1_y")])
def test_keys_become_snake_case(key: str, snake: str) -> None:
    assert snake_case(key) == snake


@pytest.mark.parametrize(("user", "outcome"), [({"id": 1}, "delivered"), ({"id": None}, "failed")])
def test_the_connection_is_tested(user: dict[str, Any], outcome: str) -> None:
    ran = run_operation(definition, "test_connection", settings=SETTINGS, responses=[answer(200, {"user": user})])

    assert ran.calls == [f"GET {API}/users/me"]
    assert ran.verdict.outcome == outcome
