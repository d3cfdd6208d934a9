from __future__ import annotations

from typing import Any

from destinations.connectors.marketo import definition
from destinations.kit.conversation import converse
from destinations.kit.definition import Context, Token
from destinations.kit.testing import Ran, Recording, answer, run_action, track

HOST = "https://123-abc-456.mktorest.com"
SETTINGS = {"client_id": "c", "client_secret": "s", "api_endpoint": HOST}
FIND = f"GET {HOST}/rest/v1/leads.json?filterType=email&filterValues="
SEND = f"POST {HOST}/rest/v1/activities/external.json"


def ok(*result: Any) -> Any:
    return answer(200, {"success": True, "result": list(result)})


def act(events: list[Any], *responses: Any) -> Ran:
    mapping = {"activityTypeId": 100001, "attributes": {"audience": {"@path": "$.properties.audience_key"}}}
    return run_action(
        definition,
        "addActivity",
        settings=SETTINGS,
        mapping=mapping,
        events=events,
        responses=responses,
        token=Token(access_token="t"),
    )


def test_an_entry_is_an_activity_of_the_lead() -> None:
    ran = act([track()], ok({"id": 7, "email": "Ann@example.org"}), ok({"id": 1, "status": "added"}))

    assert ran.calls == [f"{FIND}ann%40example.org&fields=id,email", SEND]
    assert ran.requests[1].body == (
        b'{"input":[{"leadId":7,"activityDate":"2024-05-06T07:08:09.123Z","activityTypeId":100001,'
        b'"primaryAttributeValue":"Audience Entered","attributes":[{"name":"audience","value":"vip"}]}]}'
    )
    assert ran.outcomes == ["delivered"]


def test_people_whom_marketo_does_not_know_or_skips_fail_alone() -> None:
    events = [track(user_id=f"u{n}", email=f"u{n}@x.co", entered=n != 3) for n in (1, 2, 3)]
    skipped = {"status": "skipped", "reasons": [{"code": "1021", "message": "Activity type not approved"}]}

    ran = act(
        events, ok({"id": 7, "email": "u1@x.co"}, {"id": 9, "email": "u3@x.co"}), ok({"status": "added"}, skipped)
    )

    assert [one["leadId"] for one in ran.bodies[1]["input"]] == [7, 9]
    assert ran.outcomes == ["delivered", "LEAD_NOT_FOUND", "1021"]


def test_when_nobody_is_known_nothing_is_sent() -> None:
    ran = act([track()], ok())

    assert len(ran.calls) == 1
    assert ran.outcomes == ["LEAD_NOT_FOUND"]


def test_a_refused_request_is_told() -> None:
    ran = act([track()], answer(200, {"success": False, "errors": [{"code": "604", "message": "Request timed out"}]}))

    assert ran.verdict.outcome == "retry"


def test_activity_types_are_offered() -> None:
    action = definition.action("addActivity")
    assert action is not None

    recording = Recording([ok({"id": 100001, "name": "Audience"})])
    _verdict, choices = recording.run(
        converse(lambda known: action.choices["activityTypeId"](known, {}), Context(settings=SETTINGS))
    )

    assert [request.url for request in recording.requests] == [f"{HOST}/rest/v1/activities/external/types.json"]
    assert [(choice.value, choice.label) for choice in choices] == [(100001, "Audience")]
