from __future__ import annotations

from typing import Any

from destinations.connectors.iterable_lists import definition
from destinations.kit.testing import Rule, answer, identify, run_action, run_operation, track

SETTINGS = {"apiKey": "k", "iterableProjectType": "hybrid"}
API = "https://api.iterable.com/api/lists"
EVENTS = [track(list_id="77"), identify(user_id="u2", email="ben@example.org", entered=False, list_id="77")]


def sync(*responses: Any, events: Any = EVENTS, settings: Any = SETTINGS) -> Any:
    return run_action(definition, "syncAudience", settings=settings, events=events, responses=responses, as_batch=True)


def test_who_enters_is_subscribed_and_who_leaves_is_taken_off() -> None:
    ran = sync()

    assert ran.calls == [f"POST {API}/subscribe", f"POST {API}/unsubscribe"]
    assert ran.bodies == [
        {"listId": 77, "subscribers": [{"email": "ann@example.org", "userId": "u1"}]},
        {"listId": 77, "subscribers": [{"email": "ben@example.org", "userId": "u2"}]},
    ]


def test_one_direction_that_is_refused_does_not_hold_the_other() -> None:
    refused = Rule(url=f"{API}/subscribe", response=answer(400, {"msg": "No such list"}))

    ran = sync(refused)

    assert ran.outcomes == ["400", "delivered"]
    assert ran.verdicts[0].detail == "No such list"


def test_user_id_projects_prefer_the_user_id_and_need_it() -> None:
    events = [*EVENTS, identify(user_id=None, list_id="77")]

    ran = sync(events=events, settings={**SETTINGS, "iterableProjectType": "userId"})

    assert ran.bodies[0]["subscribers"] == [{"email": "ann@example.org", "userId": "u1", "preferUserId": True}]
    assert ran.outcomes == ["delivered", "delivered", "PAYLOAD_VALIDATION_FAILED"]


def test_a_list_that_is_no_number_sends_nothing() -> None:
    ran = sync(events=[identify(list_id="abc")])

    assert (ran.calls, ran.outcomes) == ([], ["PAYLOAD_VALIDATION_FAILED"])


def test_people_whom_the_answer_names_fail_alone() -> None:
    events = [identify(list_id="77"), identify(user_id="u2", email="bad@example.org", list_id="77")]

    ran = sync(answer(200, {"successCount": 1, "failCount": 1, "invalidEmails": ["bad@example.org"]}), events=events)

    assert ran.outcomes == ["delivered", "REFUSED"]


def test_a_busy_vendor_is_asked_again() -> None:
    ran = sync(answer(429, "<html>", retry_after="4"))

    assert [(verdict.outcome, verdict.retry_after) for verdict in ran.verdicts] == [("retry", 4), ("retry", 4)]


def test_a_list_of_the_name_is_used_again() -> None:
    there = answer(200, {"lists": [{"id": 5, "name": "other"}, {"id": 7, "name": "vip"}]})

    ran = run_operation(definition, "create_audience", settings=SETTINGS, responses=[there])

    assert (ran.calls, ran.result) == ([f"GET {API}"], "7")


def test_a_list_is_created() -> None:
    ran = run_operation(
        definition,
        "create_audience",
        settings=SETTINGS,
        responses=[answer(200, {"lists": []}), answer(200, {"listId": 9})],
    )

    assert ran.calls == [f"GET {API}", f"POST {API}"]
    assert (ran.bodies[1], ran.result) == ({"name": "vip"}, "9")


def test_a_list_that_was_deleted_is_noticed() -> None:
    ran = run_operation(
        definition,
        "get_audience",
        settings=SETTINGS,
        external_audience_id="9",
        responses=[answer(200, {"lists": [{"id": 5, "name": "vip"}]})],
    )

    assert ran.result is None
