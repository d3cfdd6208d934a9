from __future__ import annotations

from typing import Any

from destinations.connectors.zendesk import definition
from destinations.kit.testing import Rule, answer, run_action, track

API = "https://acme.zendesk.com/api/v2"
SETTINGS = {"subdomain": "acme", "email": "admin@acme.example", "api_token": "t"}


def run(action: str, event: dict[str, Any], *rules: Rule) -> Any:
    return run_action(definition, action, settings=SETTINGS, events=[event], responses=rules)


def users(*ids: int) -> Rule:
    return Rule(url=f"{API}/users/search", response=answer(200, {"users": [{"id": one} for one in ids]}))


def test_an_organization_is_written() -> None:
    group = {"type": "group", "groupId": "acme", "traits": {"name": "Acme", "accountTier": "gold"}}

    ran = run("upsertOrganization", group)

    assert ran.calls == [f"POST {API}/organizations/create_or_update"]
    assert ran.bodies == [
        {"organization": {"name": "Acme", "external_id": "acme", "organization_fields": {"account_tier": "gold"}}}
    ]


def test_only_administrators_may_write_organizations() -> None:
    group = {"type": "group", "groupId": "acme", "traits": {"name": "Acme"}}
    refused = Rule(response=answer(403, {"error": "Forbidden", "description": "administrators only"}))

    ran = run("upsertOrganization", group, refused)

    assert "administrators only" in ran.verdict.detail


def test_an_event_is_recorded_for_the_user() -> None:
    ran = run("trackEvent", track(plan="gold"), users(7))

    assert ran.calls == [
        f"GET {API}/users/search?query=email%3A%22ann%40example.org%22",
        f"POST {API}/users/7/events",
    ]
    assert ran.bodies[1] == {
        "profile": {
            "source": "engage",
            "type": "person",
            "identifiers": [{"type": "email", "value": "ann@example.org"}],
        },
        "event": {
            "type": "audience_entered",
            "source": "engage",
            "description": "Audience Entered",
            "properties": {"audience_key": "vip", "vip": True, "plan": "gold"},
            "created_at": "2024-05-06T07:08:09.123Z",
        },
    }


def test_without_email_the_external_id_finds_the_user() -> None:
    ran = run("trackEvent", track(email=None), users(7))

    assert ran.calls[0] == f"GET {API}/users/search?external_id=u1"


def test_several_users_with_an_email_are_left_alone() -> None:
    several, nobody = run("trackEvent", track(), users(1, 2)), run("trackEvent", track(), users())

    assert [several.verdict.status, nobody.verdict.status] == [404, 404]
    assert len(several.calls) == len(nobody.calls) == 1


def test_identifiers_that_are_too_long_are_refused() -> None:
    ran = run("trackEvent", track(email=None, user_id="u" * 61))

    assert ran.calls == []
    assert ran.verdict.status == 400
