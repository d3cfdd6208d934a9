from __future__ import annotations

from typing import Any

from destinations import trial
from destinations.connectors.intercom import definition, delete_user
from destinations.kit.definition import Context, Token
from destinations.kit.testing import Recording, Rule, answer, run_action, track

API = "https://api.intercom.io"
NOBODY = Rule(url=f"{API}/contacts/search", response=answer(200, {"total_count": 0, "data": []}))
SOMEBODY = Rule(url=f"{API}/contacts/search", response=answer(200, {"total_count": 1, "data": [{"id": "ic-1"}]}))


def run(action: str, event: dict[str, Any], *rules: Rule, **mapping: Any) -> Any:
    return run_action(
        definition, action, token=Token(access_token="t"), events=[event], mapping=mapping, responses=rules
    )


def test_an_event_is_sent_for_the_user() -> None:
    ran = run("trackEvent", track())

    assert ran.calls == [f"POST {API}/events"]
    assert ran.bodies == [
        {
            "event_name": "Audience Entered",
            "created_at": 1714979289,
            "user_id": "u1",
            "email": "ann@example.org",
            "metadata": {"audience_key": "vip", "vip": True},
        }
    ]


def test_revenue_becomes_a_price_in_cents() -> None:
    ran = run("trackEvent", track(revenue=19.99, currency="EUR"), user_id="u1")
    free = run("trackEvent", track(revenue=0))

    assert ran.bodies[0]["metadata"] == {
        "audience_key": "vip",
        "vip": True,
        "price": {"amount": 1999, "currency": "EUR"},
    }
    assert "revenue" not in ran.bodies[0]
    assert free.bodies[0]["metadata"]["price"] == {"amount": 0, "currency": "USD"}


def test_a_person_known_by_email_alone_is_looked_up() -> None:
    ran = run("trackEvent", track(user_id=None), SOMEBODY)

    assert ran.bodies[0]["query"]["field"] == "email"
    assert ran.bodies[1]["id"] == "ic-1"


def test_an_event_of_nobody_fails() -> None:
    unknown = run("trackEvent", track(user_id=None), NOBODY)
    nameless = run("trackEvent", track(user_id=None, email=None))

    assert unknown.verdict.status == 404
    assert nameless.verdict.status == 400
    assert nameless.calls == []


def test_a_contact_is_attached_to_its_company() -> None:
    group = {"type": "group", "userId": "u1", "groupId": "acme", "traits": {"name": "Acme", "employees": 5}}
    made = Rule(url=f"{API}/companies", response=answer(200, {"id": "co-1"}))

    ran = run("groupIdentifyContact", group, SOMEBODY, made, custom_attributes={"tier": 1})

    assert ran.calls == [
        f"POST {API}/contacts/search",
        f"POST {API}/companies",
        f"POST {API}/contacts/ic-1/companies",
    ]
    assert ran.bodies[1] == {"company_id": "acme", "name": "Acme", "size": 5, "custom_attributes": {"tier": 1}}
    assert ran.bodies[2] == {"id": "co-1"}


def test_a_company_without_contact_is_only_written() -> None:
    group = {"type": "group", "userId": "u1", "groupId": "acme", "traits": {}}

    assert run("groupIdentifyContact", group, NOBODY).calls[1:] == [f"POST {API}/companies"]


def test_a_person_is_forgotten_by_the_id_of_the_contact() -> None:
    recording, nobody = Recording([SOMEBODY]), Recording([NOBODY])

    for one in (recording, nobody):
        context = Context(settings={}, token=Token(access_token="t"))
        subject = trial.Subject(definition=definition)
        trial.operate(subject, lambda known: delete_user(known, {"userId": "u1"}), context, one.send)

    assert [(one.method, one.url) for one in recording.requests[1:]] == [("DELETE", f"{API}/contacts/ic-1")]
    assert len(nobody.requests) == 1
