from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.intercom import definition
from destinations.connectors.intercom.contacts import unix_seconds
from destinations.kit.definition import Token
from destinations.kit.http import Response
from destinations.kit.testing import Rule, answer, identify, run_action, run_operation

API = "https://api.intercom.io"
TOKEN = Token(access_token="t")
NOBODY = Rule(url=f"{API}/contacts/search", response=answer(200, {"total_count": 0, "data": []}))
SOMEBODY = Rule(url=f"{API}/contacts/search", response=answer(200, {"total_count": 1, "data": [{"id": "ic-1"}]}))


def run(event: dict[str, Any], *rules: Rule, settings: dict[str, Any] | None = None, **mapping: Any) -> Any:
    return run_action(
        definition,
        "identifyContact",
        settings=settings or {},
        token=TOKEN,
        events=[event],
        mapping=mapping,
        responses=rules,
    )


def test_a_known_contact_is_updated_with_the_audience() -> None:
    ran = run(identify(name="Ann", phone="+1"), SOMEBODY)

    assert ran.calls == [f"POST {API}/contacts/search", f"PUT {API}/contacts/ic-1"]
    assert ran.requests[0].body == b'{"query":{"field":"external_id","operator":"=","value":"u1"}}'
    assert ran.requests[1].headers["Authorization"] == "Bearer t"
    assert ran.bodies[1] == {
        "role": "user",
        "external_id": "u1",
        "email": "ann@example.org",
        "phone": "+1",
        "name": "Ann",
        "custom_attributes": {"vip": True},
    }
    assert ran.outcomes == ["delivered"]


def test_leaving_sends_false() -> None:
    ran = run(identify(entered=False), SOMEBODY)

    assert ran.bodies[1]["custom_attributes"] == {"vip": False}


def test_an_unknown_contact_is_created() -> None:
    assert run(identify(), NOBODY).calls[1] == f"POST {API}/contacts"


def test_several_matches_count_as_none() -> None:
    several = Rule(url=f"{API}/contacts/search", response=answer(200, {"total_count": 2, "data": [{"id": "1"}]}))

    assert run(identify(), several).calls[1] == f"POST {API}/contacts"


def test_a_lead_has_no_external_id_and_is_found_by_email() -> None:
    ran = run(identify(), NOBODY, role="lead")

    assert ran.bodies[0]["query"] == {"field": "email", "operator": "=", "value": "ann@example.org"}
    assert "external_id" not in ran.bodies[1]


def test_without_identifiers_nobody_is_searched_for() -> None:
    ran = run(identify(user_id=None, email=None))

    assert ran.calls == [f"POST {API}/contacts"]


def test_other_attributes_and_times() -> None:
    ran = run(
        identify(),
        NOBODY,
        include_computation=None,
        custom_attributes={"plan": "gold"},
        signed_up_at="2024-01-02T03:04:05",
        last_seen_at="1714979289",
    )

    assert ran.bodies[1]["custom_attributes"] == {"plan": "gold"}
    assert ran.bodies[1]["signed_up_at"] == 1704164645
    assert ran.bodies[1]["last_seen_at"] == "1714979289"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2024-05-06T07:10:11.500Z", 1714979411),
        ("2024-05-06T09:10:11+02:00", 1714979411),
        ("2024-05-06", 1714953600),
        ("1714979411", "1714979411"),
        (1714979411, 1714979411),
        ("soon", "soon"),
    ],
)
def test_times_become_unix_seconds(value: Any, seconds: Any) -> None:
    assert unix_seconds(value) == seconds


@pytest.mark.parametrize(("region", "host"), [("eu", "api.eu.intercom.io"), ("au", "api.au.intercom.io")])
def test_workspaces_elsewhere_have_hosts_of_their_own(region: str, host: str) -> None:
    ran = run(identify(), settings={"region": region})

    assert ran.calls[0] == f"POST https://{host}/contacts/search"


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (answer(409, {"errors": [{"code": "conflict"}]}), "retry"),
        (
            answer(400, {"type": "error.list", "errors": [{"message": "Custom attribute 'vip' does not exist"}]}),
            "failed",
        ),
        (answer(422, ""), "failed"),
        (answer(500, "<html></html>"), "retry"),
    ],
)
def test_a_failing_vendor(response: Response, outcome: str) -> None:
    ran = run(identify(), NOBODY, Rule(url=f"{API}/contacts", response=response))

    assert ran.verdict.outcome == outcome


def test_a_rate_limit_is_waited_for() -> None:
    limited = Rule(url=API, response=answer(429, {}, x_ratelimit_reset="5"))

    ran = run(identify(), limited)

    assert (ran.verdict.outcome, ran.verdict.retry_after) == ("retry", 5)


def test_a_wrong_token_fails() -> None:
    ran = run(identify(), Rule(url=API, response=answer(401, {"errors": [{"code": "token_not_found"}]})))

    assert (ran.verdict.outcome, ran.verdict.status) == ("failed", 401)
    assert len(ran.requests) == 1


def test_the_connection_is_tested() -> None:
    ran = run_operation(definition, "test_connection", token=TOKEN, responses=[answer(200, {"type": "admin"})])

    assert ran.calls == [f"GET {API}/me"]
