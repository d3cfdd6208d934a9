from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.sendgrid_lists import choices, definition
from destinations.kit.conversation import converse
from destinations.kit.definition import Context
from destinations.kit.testing import Recording, Rule, answer, identify, run_action, track
from engine.mapping.fields import Choice

API = "https://api.sendgrid.com/v3/marketing"
CONTACTS, SEARCH = f"{API}/contacts", f"{API}/contacts/search"
FOUND = Rule(url=SEARCH, response=answer(200, {"result": [{"id": "c1"}]}))


def run(*events: dict[str, Any], rules: tuple[Rule, ...] = (FOUND,), **mapping: Any) -> Any:
    return run_action(
        definition,
        "syncAudience",
        settings={"sendGridApiKey": "k"},
        events=events,
        mapping=mapping,
        responses=rules,
        as_batch=True,
    )


def person(name: str, **more: Any) -> dict[str, Any]:
    return track(**{"user_id": name, "email": f"{name}@example.org", "list_id": "l-1", **more})


def test_people_enter_and_leave_with_one_batch() -> None:
    events = [
        person("a", first_name="Ann", phone="+14155550100"),
        person("b", entered=False),
        identify(user_id="c", email="c@example.org", list_id="l-1"),
    ]

    ran = run(*events)

    assert ran.calls == [
        f"PUT {CONTACTS}",
        f"PUT {CONTACTS}",
        f"POST {SEARCH}",
        f"DELETE {API}/lists/l-1/contacts?contact_ids=c1",
    ]
    assert ran.requests[0].headers["Authorization"] == "Bearer k"
    assert ran.bodies[0] == {
        "list_ids": ["l-1"],
        "contacts": [
            {"email": "a@example.org", "first_name": "Ann", "phone_number": "+14155550100"},
            {"email": "c@example.org"},
        ],
    }
    assert ran.bodies[1] == {"list_ids": [], "contacts": [{"email": "b@example.org"}]}
    assert ran.requests[2].body == b'{"query":"email IN (\'b@example.org\')"}'
    assert ran.outcomes == ["delivered"] * 3


def test_somebody_unknown_is_on_no_list() -> None:
    nobody = Rule(url=SEARCH, response=answer(200, {"contact_count": 0, "result": []}))

    ran = run(person("b", entered=False), rules=(nobody,))

    assert ran.calls == [f"PUT {CONTACTS}", f"POST {SEARCH}"]
    assert ran.outcomes == ["delivered"]


def test_values_are_escaped_in_the_search() -> None:
    told = {"email": {"@path": "$.context.traits.email"}, "external_id": {"@path": "$.userId"}}

    ran = run(person("o'l\\ee", email="o'lee@example.org", entered=False), identifiers=told)

    assert ran.bodies[1] == {"query": "email IN ('o\\'lee@example.org') OR external_id IN ('o\\'l\\\\ee')"}


def test_a_search_takes_fifty_identifiers_and_a_removal_a_hundred_ids() -> None:
    found = Rule(url=SEARCH, response=answer(200, {"result": [{"id": f"c{n}"} for n in range(101)]}))

    ran = run(*[person(f"p{n}", entered=False) for n in range(51)], rules=(found,))

    assert ran.calls[1:3] == [f"POST {SEARCH}"] * 2
    assert [len(url.rpartition("=")[2].split(",")) for url in ran.calls[3:]] == [100, 1]


def test_the_later_of_two_calls_counts() -> None:
    ran = run(person("a"), person("a", entered=False))

    assert ran.calls[:1] == [f"PUT {CONTACTS}"]
    assert ran.bodies[0]["list_ids"] == []
    assert ran.outcomes == ["delivered", "delivered"]


@pytest.mark.parametrize(
    ("event", "mapping"),
    [
        (person("a", phone="+1 (415) 555-0100"), {}),
        (person("a", email=None), {}),
        (person("a"), {"identifiers": {"phone_number_id": "0415"}}),
        (person("a"), {"custom_text_fields": {"e1": 1}}),
        (person("a"), {"custom_number_fields": {"e1": "1"}}),
        (person("a"), {"custom_number_fields": {"e1": True}}),
        (person("a"), {"custom_date_fields": {"e1": "soon"}}),
        (track(), {}),
    ],
)
def test_what_sendgrid_would_refuse_fails_alone(event: dict[str, Any], mapping: dict[str, Any]) -> None:
    ran = run(event, **mapping)

    assert ran.calls == []
    assert (ran.verdict.code, ran.verdict.status) == ("PAYLOAD_VALIDATION_FAILED", 400)


def test_custom_fields_are_sent_by_id() -> None:
    ran = run(
        person("a"),
        custom_text_fields={"e1_T": "gold", "e9_T": None},
        custom_number_fields={"e2_N": 1.5},
        custom_date_fields={"e3_D": "2024-05-06T23:30:00-02:00"},
    )

    assert ran.bodies[0]["contacts"][0]["custom_fields"] == {"e1_T": "gold", "e2_N": 1.5, "e3_D": "05/07/2024"}


def test_refused_addresses_fail_and_the_others_come_again() -> None:
    said = answer(400, {"errors": [{"message": "email 'a@example.org' is not valid"}]})

    ran = run(
        person("a"), person("b"), person("c", entered=False), rules=(Rule(url=CONTACTS, response=said, times=1), FOUND)
    )

    assert [verdict.outcome for verdict in ran.verdicts] == ["failed", "retry", "delivered"]
    assert [verdict.status for verdict in ran.verdicts[:2]] == [400, 429]


def test_a_direction_that_fails_does_not_hold_the_other() -> None:
    busy = Rule(url=CONTACTS, response=answer(503, "<html></html>", retry_after="9"), times=1)

    ran = run(person("a"), person("b", entered=False), rules=(busy, FOUND))

    assert [verdict.outcome for verdict in ran.verdicts] == ["retry", "delivered"]
    assert ran.verdicts[0].retry_after == 9


@pytest.mark.parametrize(("status", "outcome"), [(429, "retry"), (500, "retry"), (403, "failed"), (401, "failed")])
def test_a_search_that_fails_is_told_as_it_is(status: int, outcome: str) -> None:
    ran = run(person("b", entered=False), rules=(Rule(url=SEARCH, response=answer(status, "")),))

    assert (ran.verdict.outcome, ran.verdict.status) == (outcome, status)


def test_people_who_could_not_be_written_are_not_searched_for() -> None:
    ran = run(person("b", entered=False), rules=(Rule(url=CONTACTS, response=answer(500)),))

    assert ran.calls == [f"PUT {CONTACTS}"]


def test_custom_fields_are_offered_by_type() -> None:
    rows = [{"id": "e1_T", "name": "Plan", "field_type": "Text"}, {"id": "e2_N", "field_type": "Number"}]
    recording = Recording([answer(200, {"custom_fields": rows})])

    _verdict, found = recording.run(
        converse(lambda known: choices.custom_fields("Text")(known, {}), Context(settings={}))
    )

    assert found == [Choice(value="e1_T", label="Plan")]
