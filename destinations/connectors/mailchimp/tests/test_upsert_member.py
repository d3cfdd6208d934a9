from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.mailchimp import definition
from destinations.connectors.mailchimp.merge_fields import merge_fields, tag_of
from destinations.kit.http import Response
from destinations.kit.testing import Rule, answer, identify, run_action, run_operation, track

API = "https://us21.api.mailchimp.com/3.0"
LIST = f"{API}/lists/l1"
ANN = f"{LIST}/members/8b5a6a28fc840441be692d74a81ccd1a"
SETTINGS = {"api_key": "secret-us21", "list_id": "l1"}


def run(
    *events: dict[str, Any],
    responses: list[Any] | None = None,
    settings: dict[str, Any] | None = None,
    mapping: dict[str, Any] | None = None,
    batch: bool = False,
) -> Any:
    return run_action(
        definition,
        "upsertMember",
        settings={**SETTINGS, **(settings or {})},
        events=events,
        responses=responses or [],
        mapping=mapping,
        as_batch=batch,
    )


def test_a_member_is_created_or_updated_with_one_call() -> None:
    ran = run(identify(email="Ann@Example.org", first_name="Ann", lastName="Lee", first_time_shopper=True))

    assert ran.calls == [f"PUT {ANN}"]
    assert ran.request.headers["Authorization"] == "Basic ZW5nYWdlOnNlY3JldC11czIx"
    assert ran.bodies == [
        {
            "email_address": "Ann@Example.org",
            "status_if_new": "subscribed",
            "merge_fields": {"VIP": "true", "FNAME": "Ann", "LNAME": "Lee", "FIRSTTIMES": "true"},
        }
    ]
    assert ran.outcomes == ["delivered"]


def test_leaving_sends_the_text_false() -> None:
    assert run(identify(entered=False)).bodies[0]["merge_fields"] == {"VIP": "false"}


def test_members_are_named_by_the_hash_of_the_documentation() -> None:
    ran = run(identify(email="Urist.McVankab@freddiesjokes.com"))

    assert ran.calls == [f"PUT {LIST}/members/62eeb292278cc15f5817cb78f7790b08"]


def test_double_opt_in_asks_new_members() -> None:
    assert run(identify(), settings={"double_opt_in": True}).bodies[0]["status_if_new"] == "pending"


def test_required_fields_can_be_skipped() -> None:
    ran = run(identify(), settings={"skip_merge_validation": True})

    assert ran.calls == [f"PUT {ANN}?skip_merge_validation=true"]


@pytest.mark.parametrize(("found", "status"), [(200, {"status": "unsubscribed"}), (404, {})])
def test_a_status_is_for_existing_members_alone(found: int, status: dict[str, str]) -> None:
    event = {**identify(), "integrations": {"Mailchimp": {"subscriptionStatus": "unsubscribed", "listId": "l2"}}}

    ran = run(event, responses=[answer(found, {}), answer(200, {})])

    member = ANN.replace("/l1/", "/l2/")
    assert ran.calls == [f"GET {member}", f"PUT {member}"]
    assert {name: value for name, value in ran.bodies[1].items() if name == "status"} == status


def test_a_data_center_of_the_settings_wins() -> None:
    ran = run(identify(), settings={"datacenter": "us7", "api_key": "no-center-here"})

    assert ran.calls[0].startswith("PUT https://us7.api.mailchimp.com/")


@pytest.mark.parametrize("key", ["secret", "secret-evil.example/", "secret-"])
def test_a_data_center_that_is_none_is_refused(key: str) -> None:
    ran = run(identify(), settings={"api_key": key})

    assert ran.calls == []
    assert "data center" in ran.verdict.detail


def test_track_calls_and_people_without_email_are_not_sent() -> None:
    assert run(track()).outcomes == ["NO_MATCHING_MAPPING"]
    assert run(identify(email=None)).outcomes == ["PAYLOAD_VALIDATION_FAILED"]


@pytest.mark.parametrize(
    ("key", "tag"),
    [("first_time_shopper", "FIRSTTIMES"), ("firstName", "FNAME"), ("last_name", "LNAME"), ("a-1", "A1"), ("_", "")],
)
def test_keys_become_tags(key: str, tag: str) -> None:
    assert tag_of(key) == tag


def test_values_are_those_that_mailchimp_takes() -> None:
    traits = {
        "n": None,
        "b": False,
        "i": 7.0,
        "l": ["a", 1],
        "m": [{"x": 1}],
        "o": {"x": 1},
        "a": {"addr1": "1 Main St"},
        "email": "e",
        "d": "2024-01-02",
    }

    assert merge_fields(traits) == {
        "N": "null",
        "B": "false",
        "I": "7",
        "L": "a, 1",
        "A": {"addr1": "1 Main St"},
        "D": "2024-01-02",
    }
    assert merge_fields(None) == {}


@pytest.mark.parametrize(
    ("response", "outcome", "said"),
    [
        (answer(400, {"title": "Invalid Resource", "detail": "looks fake"}), "failed", "looks fake"),
        (
            answer(400, {"title": "Invalid Resource", "detail": "", "errors": [{"field": "VIP", "message": "bad"}]}),
            "failed",
            "VIP: bad",
        ),
        (answer(404, "<html>no</html>"), "failed", "404"),
        (answer(403, {"title": "Forbidden", "detail": "wrong data center"}), "failed", "wrong data center"),
        (answer(429, {"title": "TooManyRequests"}), "retry", "429"),
        (answer(500, ""), "retry", "500"),
        (answer(401, {"title": "API Key Invalid"}), "failed", "401"),
    ],
)
def test_a_failing_vendor(response: Response, outcome: str, said: str) -> None:
    ran = run(identify(), responses=[response])

    assert ran.verdict.outcome == outcome
    assert said in ran.verdict.detail


def test_a_batch_tells_the_refused_addresses() -> None:
    events = [identify(user_id="u1", email="a@example.org"), identify(user_id="u2", email="B@example.org")]
    problem = {"email_address": "b@example.org", "error": "is a fake", "error_code": "ERROR_CONTACT_EXISTS"}

    ran = run(*events, responses=[answer(200, {"new_members": [{}], "errors": [problem]})], batch=True)

    assert ran.calls == [f"POST {LIST}"]
    assert ran.bodies == [
        {
            "members": [
                {"email_address": "a@example.org", "status_if_new": "subscribed", "merge_fields": {"VIP": "true"}},
                {"email_address": "B@example.org", "status_if_new": "subscribed", "merge_fields": {"VIP": "true"}},
            ],
            "update_existing": True,
        }
    ]
    assert ran.outcomes == ["delivered", "ERROR_CONTACT_EXISTS"]


def test_the_later_of_two_calls_counts_in_a_batch() -> None:
    ran = run(identify(entered=True), identify(entered=False), batch=True)

    assert [member["merge_fields"] for member in ran.bodies[0]["members"]] == [{"VIP": "false"}]
    assert ran.outcomes == ["delivered", "delivered"]


def test_a_batch_is_parted_by_list_and_status() -> None:
    other = {**identify(user_id="u2", email="b@example.org"), "integrations": {"Mailchimp": {"listId": "l2"}}}
    told = {**identify(user_id="u3"), "integrations": {"Mailchimp": {"subscriptionStatus": "cleaned"}}}
    plain = identify(user_id="u1", email="a@example.org")

    ran = run(plain, other, told, responses=[Rule(url=f"{API}/lists/l2", response=answer(503))], batch=True)

    assert ran.calls == [f"GET {ANN}", f"PUT {ANN}", f"POST {LIST}", f"POST {API}/lists/l2"]
    assert ran.outcomes == ["delivered", "503", "delivered"]


def test_the_connection_is_tested() -> None:
    ran = run_operation(definition, "test_connection", settings=SETTINGS, responses=[answer(200, {})])

    assert ran.calls == [f"GET {API}/ping"]
