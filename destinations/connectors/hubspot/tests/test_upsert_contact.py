from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.hubspot import definition
from destinations.kit.definition import Token
from destinations.kit.http import Response
from destinations.kit.testing import Rule, answer, identify, run_action, run_operation

URL = "https://api.hubapi.com/crm/v3/objects/contacts"
TOKEN = Token(access_token="pat-1")
FOUND = answer(200, {"id": "7", "properties": {}})


def run(
    *events: dict[str, Any], responses: list[Any], mapping: dict[str, Any] | None = None, batch: bool = False
) -> Any:
    return run_action(
        definition,
        "upsertContact",
        token=TOKEN,
        events=events,
        responses=responses,
        mapping=mapping,
        as_batch=batch,
    )


def batch_answers(*more: Rule, found: list[dict[str, Any]] | None = None) -> list[Rule]:
    return [*more, Rule(url=f"{URL}/batch/read", response=answer(200, {"results": found or []}))]


def contact(record: str, email: str, **properties: Any) -> dict[str, Any]:
    return {"id": record, "properties": {"email": email, **properties}}


def test_a_known_contact_is_updated_with_the_audience() -> None:
    event = identify(first_name=" Ann ", phone="+1 415 555 0100", address={"city": "Rome", "postal_code": 185})

    ran = run(event, responses=[FOUND])

    assert ran.calls == [f"PATCH {URL}/ann@example.org?idProperty=email"]
    assert ran.request.headers["Authorization"] == "Bearer pat-1"
    assert ran.request.body == (
        b'{"properties":{"firstname":"Ann","phone":"+1 415 555 0100","city":"Rome","zip":"185",'
        b'"email":"ann@example.org","vip":true}}'
    )
    assert ran.outcomes == ["delivered"]


def test_leaving_sends_false() -> None:
    ran = run(identify(entered=False), responses=[FOUND])

    assert ran.bodies == [{"properties": {"email": "ann@example.org", "vip": False}}]


def test_an_unknown_contact_is_created() -> None:
    ran = run(identify(email="a+b@example.org"), responses=[answer(404, {}), answer(201, {"id": "8"})])

    assert ran.calls == [f"PATCH {URL}/a+b@example.org?idProperty=email", f"POST {URL}"]
    assert ran.bodies[0] == ran.bodies[1] == {"properties": {"email": "a+b@example.org", "vip": True}}
    assert ran.outcomes == ["delivered"]


def test_a_contact_known_by_a_secondary_address_is_updated_by_its_id() -> None:
    taken = answer(409, {"message": "Contact already exists. Existing ID: 42"})

    ran = run(identify(), responses=[answer(404, {}), taken, FOUND])

    assert ran.calls[2] == f"PATCH {URL}/42"
    assert ran.bodies[2] == {"properties": {"vip": True}}
    assert ran.outcomes == ["delivered"]


def test_a_life_cycle_stage_moves_back_by_way_of_none() -> None:
    mapping = {"lifecyclestage": "Lead "}
    kept = answer(200, {"id": "7", "properties": {"lifecyclestage": "customer"}})

    ran = run(identify(), responses=[kept, FOUND, FOUND], mapping=mapping)

    assert ran.bodies[1] == {"properties": {"lifecyclestage": ""}}
    assert (
        ran.bodies[2]
        == ran.bodies[0]
        == {"properties": {"email": "ann@example.org", "lifecyclestage": "lead", "vip": True}}
    )


def test_a_stage_that_took_is_left() -> None:
    took = answer(200, {"id": "7", "properties": {"lifecyclestage": "lead"}})

    ran = run(identify(), responses=[took], mapping={"lifecyclestage": "Lead"})

    assert len(ran.requests) == 1


def test_other_properties_are_flattened() -> None:
    mapping = {
        "include_computation": None,
        "properties": {"a": [1, "two", {"b": None}], "c": {"d": 1}, "e": " x ", "f": None, "g": 1.5, "h": False},
    }

    ran = run(identify(), responses=[FOUND], mapping=mapping)

    assert ran.bodies == [
        {
            "properties": {
                "email": "ann@example.org",
                "a": '1;two;{"b":null}',
                "c": '{"d":1}',
                "e": "x",
                "g": 1.5,
                "h": False,
            }
        }
    ]


def test_without_an_email_nothing_is_sent() -> None:
    ran = run(identify(email=None), responses=[])

    assert ran.calls == []
    assert ran.outcomes == ["PAYLOAD_VALIDATION_FAILED"]


@pytest.mark.parametrize(
    ("response", "outcome", "wait"),
    [
        (
            answer(
                400, {"status": "error", "message": 'Property "vip" does not exist', "category": "VALIDATION_ERROR"}
            ),
            "failed",
            None,
        ),
        (answer(429, {"policyName": "TEN_SECONDLY_ROLLING"}, retry_after="10"), "retry", 10),
        (answer(429, {"policyName": "DAILY"}), "retry", None),
        (answer(502, "<html>Bad Gateway</html>", content_type="text/html"), "retry", None),
        (answer(403, ""), "failed", None),
    ],
)
def test_a_failing_vendor(response: Response, outcome: str, wait: float | None) -> None:
    ran = run(identify(), responses=[response])

    assert (ran.verdict.outcome, ran.verdict.retry_after) == (outcome, wait)
    assert len(ran.requests) == 1


def test_an_empty_answer_is_a_success() -> None:
    assert run(identify(), responses=[answer(200, "")]).outcomes == ["delivered"]


def test_a_batch_reads_creates_and_updates() -> None:
    events = [
        identify(user_id="u1", email="Ann@example.org"),
        identify(user_id="u2", email="new@example.org"),
        identify(user_id="u3", email="second@example.org", entered=False),
        identify(user_id="u4", email="new@example.org", entered=False),
    ]
    found = [contact("1", "ann@example.org"), contact("2", "x@example.org", hs_additional_emails="second@example.org")]

    ran = run(*events, responses=batch_answers(found=found), batch=True)

    assert ran.calls == [f"POST {URL}/batch/read", f"POST {URL}/batch/create", f"POST {URL}/batch/update"]
    assert ran.bodies == [
        {
            "properties": ["email", "lifecyclestage", "hs_additional_emails"],
            "idProperty": "email",
            "inputs": [{"id": "ann@example.org"}, {"id": "new@example.org"}, {"id": "second@example.org"}],
        },
        {"inputs": [{"properties": {"email": "new@example.org", "vip": False}}]},
        {
            "inputs": [
                {"id": "1", "properties": {"vip": True}},
                {"id": "2", "properties": {"vip": False}},
            ]
        },
    ]
    assert ran.outcomes == ["delivered"] * 4


def test_a_batch_empties_the_stages_that_did_not_take() -> None:
    updated = Rule(
        url=f"{URL}/batch/update",
        response=answer(200, {"results": [contact("1", "ann@example.org", lifecyclestage="customer")]}),
        times=1,
    )
    found = [contact("1", "ann@example.org")]

    ran = run(
        identify(),
        responses=batch_answers(updated, found=found),
        mapping={"lifecyclestage": "Lead"},
        batch=True,
    )

    assert ran.bodies[2:] == [
        {"inputs": [{"id": "1", "properties": {"lifecyclestage": ""}}]},
        {"inputs": [{"id": "1", "properties": {"lifecyclestage": "lead"}}]},
    ]
    assert ran.outcomes == ["delivered"]


def test_a_bad_contact_of_a_batch_fails_alone() -> None:
    refused = Rule(url=f"{URL}/batch/create", response=answer(400, {"message": "bad phone"}), times=2)
    events = [identify(user_id="u1", email="a@example.org"), identify(user_id="u2", email="b@example.org")]

    ran = run(*events, responses=batch_answers(refused), batch=True)

    assert [len(body["inputs"]) for body in ran.bodies] == [2, 2, 1, 1]
    assert ran.outcomes == ["400", "delivered"]
    assert "bad phone" in ran.verdicts[0].detail


def test_an_event_without_email_fails_alone_in_a_batch() -> None:
    events = [identify(user_id="u1", email=None), identify(user_id="u2", email="b@example.org")]

    ran = run(*events, responses=batch_answers(), batch=True)

    assert ran.outcomes == ["PAYLOAD_VALIDATION_FAILED", "delivered"]


def test_a_lookup_that_fails_otherwise_fails_the_batch() -> None:
    answered = answer(207, {"results": [], "errors": [{"category": "VALIDATION_ERROR", "message": "bad id"}]})

    ran = run(identify(), responses=[answered], batch=True)

    assert ran.outcomes == ["INTEGRATION_ERROR"]
    assert "bad id" in ran.verdict.detail


def test_a_busy_vendor_has_the_batch_tried_again() -> None:
    busy = Rule(url=f"{URL}/batch/create", response=answer(429, {}, retry_after="3"))

    ran = run(identify(), responses=batch_answers(busy), batch=True)

    assert (ran.verdict.outcome, ran.verdict.retry_after) == ("retry", 3)


def test_the_connection_is_tested_by_reading_one_contact() -> None:
    ran = run_operation(definition, "test_connection", token=TOKEN, responses=[answer(200, {})])

    assert ran.calls == [f"GET {URL}?limit=1"]
    assert ran.verdict.outcome == "delivered"


def test_an_expired_token_is_renewed() -> None:
    old = Token(access_token="old", refresh_token="r")
    responses = [
        answer(401, {"category": "EXPIRED_AUTHENTICATION"}),
        answer(200, {"access_token": "new", "refresh_token": "r2"}),
        FOUND,
    ]

    ran = run_action(
        definition,
        "upsertContact",
        settings={"oauth_client_id": "c", "oauth_client_secret": "s"},
        token=old,
        events=[identify()],
        responses=responses,
    )

    assert ran.calls[1] == "POST https://api.hubapi.com/oauth/v1/token"
    assert ran.bodies[1] == {
        "refresh_token": "r",
        "client_id": "c",
        "client_secret": "s",
        "grant_type": "refresh_token",
    }
    assert ran.requests[2].headers["Authorization"] == "Bearer new"
    assert ran.token == Token(access_token="new", refresh_token="r2")
