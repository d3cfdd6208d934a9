from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.sendgrid import definition
from destinations.kit.http import Response
from destinations.kit.testing import Rule, answer, identify, run_action, run_operation, track

API = "https://api.sendgrid.com/v3"
FIELDS, CONTACTS = f"{API}/marketing/field_definitions", f"{API}/marketing/contacts"
KNOWN = Rule(
    url=FIELDS,
    response=answer(200, {"custom_fields": [{"id": "e1_T", "name": "vip"}, {"id": "e2_T", "name": "Plan"}]}),
)


def run(
    *events: dict[str, Any],
    rules: tuple[Rule, ...] = (KNOWN,),
    mapping: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
) -> Any:
    return run_action(
        definition,
        "updateUserProfile",
        settings={"sendGridApiKey": "k", **(settings or {})},
        events=events,
        mapping=mapping,
        responses=rules,
    )


def test_a_contact_is_written_with_the_audience_as_text() -> None:
    event = identify(first_name="Ann", phone="+1 415", address={"state": "CA", "line1": "1 Main St"})

    ran = run(event, mapping={"customFields": {"plan": "gold", "e2_T": ["a"]}})

    assert ran.calls == [f"GET {FIELDS}", f"PUT {CONTACTS}"]
    assert ran.requests[1].headers["Authorization"] == "Bearer k"
    assert ran.requests[1].headers["Accept"] == "application/json"
    assert ran.bodies[1] == {
        "contacts": [
            {
                "email": "ann@example.org",
                "first_name": "Ann",
                "phone_number": "+1 415",
                "address_line_1": "1 Main St",
                "state_province_region": "CA",
                "custom_fields": {"e1_T": "true", "e2_T": '["a"]'},
            }
        ]
    }
    assert ran.outcomes == ["delivered"]


def test_leaving_sends_false() -> None:
    assert run(identify(entered=False)).bodies[1]["contacts"][0]["custom_fields"] == {"e1_T": "false"}


def test_track_calls_are_not_for_contacts() -> None:
    assert run(track()).outcomes == ["NO_MATCHING_MAPPING"]


def test_a_custom_field_that_does_not_exist_is_named() -> None:
    ran = run(identify(key="other"))

    assert ran.calls == [f"GET {FIELDS}"]
    assert "'other'" in ran.verdict.detail
    assert ran.verdict.status == 400


def test_somebody_without_identifiers_is_refused() -> None:
    ran = run(identify(email=None))

    assert ran.calls == []
    assert ran.verdict.status == 400


def test_a_bad_contact_of_a_batch_fails_alone() -> None:
    events = [identify(email="a@example.org"), identify(email=None), identify(email="c@example.org")]
    said = {"errors": [{"field": "contacts[1].identifier", "message": "email 'c@example.org' is not valid"}]}

    ran = run(*events, rules=(KNOWN, Rule(url=CONTACTS, response=answer(400, said), times=1)))

    assert [len(body["contacts"]) for body in ran.bodies[1:]] == [2, 1]
    assert ran.outcomes == ["delivered", "PAYLOAD_VALIDATION_FAILED", "BAD_REQUEST"]
    assert "is not valid" in ran.verdicts[2].detail


def test_the_later_of_two_calls_counts() -> None:
    ran = run(identify(entered=True), identify(entered=False))

    assert [one["custom_fields"] for one in ran.bodies[1]["contacts"]] == [{"e1_T": "false"}]
    assert ran.outcomes == ["delivered", "delivered"]


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (answer(400, {"errors": [{"message": "bad request"}]}), "failed"),
        (answer(403, {"errors": [{"message": "access forbidden"}]}), "failed"),
        (answer(401, {"errors": [{"message": "authorization required"}]}), "failed"),
        (answer(500, "<html></html>"), "retry"),
        (answer(413, ""), "failed"),
    ],
)
def test_a_failing_vendor(response: Response, outcome: str) -> None:
    ran = run(identify(), rules=(KNOWN, Rule(url=CONTACTS, response=response)))

    assert (ran.verdict.outcome, ran.verdict.status) == (outcome, response.status)


def test_a_rate_limit_is_waited_for() -> None:
    limited = answer(429, {}, x_ratelimit_reset="7")

    assert run(identify(), rules=(KNOWN, Rule(url=CONTACTS, response=limited))).verdict.retry_after == 7


def test_accounts_in_the_eu_have_a_host_of_their_own() -> None:
    ran = run(identify(), settings={"endpoint": "https://api.eu.sendgrid.com"}, mapping={"include_computation": None})

    assert ran.calls[1] == "PUT https://api.eu.sendgrid.com/v3/marketing/contacts"


def test_another_host_gets_no_key() -> None:
    ran = run(identify(), settings={"endpoint": "https://evil.example"})

    assert ran.calls == []


def test_the_connection_is_tested() -> None:
    ran = run_operation(definition, "test_connection", settings={"sendGridApiKey": "k"}, responses=[answer(200, {})])

    assert ran.calls == [f"GET {API}/user/account"]
