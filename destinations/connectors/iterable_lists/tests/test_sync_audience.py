from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.iterable_lists import definition
from destinations.kit.testing import Rule, answer, identify, run_action, run_operation, track

LISTS = "https://api.iterable.com/api/lists"
HYBRID, USER_ID = {"apiKey": "k", "iterableProjectType": "hybrid"}, {"apiKey": "k", "iterableProjectType": "userId"}


def run(
    *events: dict[str, Any], settings: dict[str, Any] | None = None, rules: tuple[Rule, ...] = (), **mapping: Any
) -> Any:
    return run_action(
        definition,
        "syncAudience",
        settings=settings or HYBRID,
        events=events,
        mapping=mapping,
        responses=rules,
        as_batch=True,
    )


def person(user_id: str | None, **more: Any) -> dict[str, Any]:
    return track(**{"user_id": user_id, "email": f"{user_id}@example.org", "list_id": "7", **more})


def test_people_enter_and_leave() -> None:
    ran = run(person("a"), person("b", entered=False), identify(user_id="c", list_id="7"), dataFields={"plan": "gold"})

    assert ran.calls == [f"POST {LISTS}/subscribe", f"POST {LISTS}/unsubscribe"]
    assert ran.requests[0].headers["Api-Key"] == "k"
    assert ran.bodies == [
        {
            "listId": 7,
            "subscribers": [
                {"email": "a@example.org", "userId": "a", "dataFields": {"plan": "gold"}},
                {"email": "ann@example.org", "userId": "c", "dataFields": {"plan": "gold"}},
            ],
        },
        {"listId": 7, "subscribers": [{"email": "b@example.org", "userId": "b"}]},
    ]
    assert ran.outcomes == ["delivered"] * 3


def test_the_settings_of_the_audience_are_obeyed() -> None:
    told = {"updateExistingUsersOnly": True, "globalUnsubscribe": True, "campaignId": 5}

    ran = run(person("a", audience_settings=told), person("b", entered=False, audience_settings=told))

    assert ran.bodies[0]["updateExistingUsersOnly"] is True
    assert (ran.bodies[1]["campaignId"], ran.bodies[1]["channelUnsubscribe"]) == (5, True)


@pytest.mark.parametrize(("settings", "prefers"), [(HYBRID, None), (USER_ID, True), ({"apiKey": "k"}, True)])
def test_user_ids_are_preferred_where_the_project_is_based_on_them(settings: dict[str, Any], prefers: Any) -> None:
    assert run(person("a"), settings=settings).bodies[0]["subscribers"][0].get("preferUserId") is prefers


@pytest.mark.parametrize(
    ("event", "settings"),
    [
        (person(None, email=None), HYBRID),
        (person(None, email="a@example.org"), USER_ID),
        (person("a", list_id="abc"), HYBRID),
        (track(), HYBRID),
    ],
)
def test_what_cannot_be_sent_fails_alone(event: dict[str, Any], settings: dict[str, Any]) -> None:
    ran = run(event, person("b"), settings=settings)

    assert ran.outcomes == ["PAYLOAD_VALIDATION_FAILED", "delivered"]
    assert len(ran.bodies[0]["subscribers"]) == 1


def test_the_later_of_two_calls_counts() -> None:
    ran = run(person("a"), person("a", entered=False))

    assert ran.calls == [f"POST {LISTS}/unsubscribe"]


def test_a_direction_that_fails_does_not_hold_the_other() -> None:
    ran = run(person("a"), person("b", entered=False), rules=(Rule(url=f"{LISTS}/subscribe", response=answer(503)),))

    assert ran.outcomes == ["503", "delivered"]
    assert ran.verdicts[0].outcome == "retry"


def test_people_who_are_refused_fail_alone() -> None:
    said = answer(200, {"failCount": 1, "invalidEmails": ["b@example.org"]})

    ran = run(person("a"), person("b"), rules=(Rule(response=said),))

    assert ran.outcomes == ["delivered", "BAD_REQUEST"]


def test_a_list_is_found_by_the_key_or_made() -> None:
    listed = answer(200, {"lists": [{"id": 7, "name": "vip"}]})

    found = run_operation(definition, "create_audience", settings=HYBRID, responses=[listed])
    made = run_operation(
        definition, "create_audience", settings=HYBRID, responses=[answer(200, {}), answer(200, {"listId": 8})]
    )

    assert (found.calls, found.result) == ([f"GET {LISTS}"], "7")
    assert (made.calls[1], made.bodies[1], made.result) == (f"POST {LISTS}", {"name": "vip"}, "8")


def test_a_list_is_looked_up() -> None:
    listed = [answer(200, {"lists": [{"id": 7, "name": "vip"}]})]

    there = run_operation(definition, "get_audience", settings=HYBRID, external_audience_id="7", responses=listed)
    gone = run_operation(definition, "get_audience", settings=HYBRID, external_audience_id="8", responses=listed)

    assert (there.result, gone.result) == ("7", None)
