from __future__ import annotations

import json
from typing import Any

import pytest

from destinations.connectors.facebook_custom_audiences import definition
from destinations.connectors.facebook_custom_audiences.personal import COLUMNS
from destinations.connectors.facebook_custom_audiences.sync import HOOK, choose_audience
from destinations.kit.definition import Context, Token
from destinations.kit.http import Response
from destinations.kit.personal import sha256
from destinations.kit.testing import answer, identify, run, run_action, run_operation, track

SETTINGS = {"retlAdAccountId": "111"}
TOKEN = Token(access_token="tok")
USERS = "https://graph.facebook.com/v24.0/23851/users"


def sync(*events: dict[str, Any], **more: Any) -> Any:
    return run_action(definition, "sync", settings=SETTINGS, token=TOKEN, events=events, as_batch=True, **more)


def enter(user_id: str = "u1", **more: Any) -> dict[str, Any]:
    return track(user_id=user_id, list_id="23851", **more)


def leave(user_id: str = "u2", **more: Any) -> dict[str, Any]:
    return track(entered=False, user_id=user_id, list_id="23851", **more)


def row(external_id: str, email: str = "ann@example.org", **columns: str) -> list[str]:
    found = {"EXTERN_ID": external_id, "EMAIL": sha256(email), **columns}
    return [found.get(name, "") for name in COLUMNS]


def test_one_who_enters_is_added() -> None:
    ran = sync(enter())

    assert ran.calls == [f"POST {USERS}"]
    assert ran.request.headers == {"Authorization": "Bearer tok", "Content-Type": "application/json"}
    assert ran.request.body == (
        b'{"payload":{"schema":["EXTERN_ID","EMAIL","PHONE","DOBY","DOBM","DOBD","LN","FN","FI","GEN","CT","ST","ZIP",'
        b'"COUNTRY","MADID"],"data":[["u1","'
        + sha256("ann@example.org").encode()
        + b'","","","","","","","","","","","","",""]]}}'
    )
    assert ran.outcomes == ["delivered"]


def test_one_who_leaves_is_removed() -> None:
    ran = sync(leave("u2"))

    assert ran.calls == [f"DELETE {USERS}"]
    assert ran.bodies[0]["payload"]["data"] == [row("u2")]


def test_adds_and_removes_of_a_batch_go_apart() -> None:
    ran = sync(enter("u1"), leave("u2"), identify(user_id="u3", list_id="23851"))

    assert ran.calls == [f"POST {USERS}", f"DELETE {USERS}"]
    assert [body["payload"]["data"] for body in ran.bodies] == [[row("u1"), row("u3")], [row("u2")]]
    assert ran.outcomes == ["delivered"] * 3


@pytest.mark.parametrize("place", ["traits", "context.traits", "properties"])
def test_identifiers_are_found_wherever_a_call_carries_them(place: str) -> None:
    person = {"email": "ann@example.org", "phone": "+49 30 1234", "firstName": "Ann", "address": {"city": "Bonn"}}
    event = enter(email=None)
    if place == "traits":
        event = identify(email=None, list_id="23851")
        event["traits"] |= person
    elif place == "properties":
        event["properties"] |= person
    else:
        event["context"]["traits"] = person

    ran = sync(event)

    expected = row("u1", PHONE=sha256("49301234"), FN=sha256("ann"), CT=sha256("bonn"))
    assert ran.bodies[0]["payload"]["data"] == [expected]


def test_the_ids_of_apps_are_sent_when_somebody_has_one() -> None:
    one, other = enter("u1", app="77"), enter("u2")

    ran = sync(one, other, mapping={"appId": {"@path": "$.properties.app"}})

    assert ran.bodies[0]["payload"]["app_ids"] == ["77", ""]
    assert "page_ids" not in ran.bodies[0]["payload"]


def test_an_event_without_membership_fails_alone() -> None:
    ran = sync(enter("u1"), enter("u2", vip="true"))

    assert ran.outcomes == ["delivered", "INVALID_AUDIENCE_MEMBERSHIP"]
    assert ran.bodies[0]["payload"]["data"] == [row("u1")]


def test_without_an_audience_nothing_is_sent() -> None:
    ran = sync(track())

    assert ran.requests == []
    assert ran.outcomes == ["PAYLOAD_VALIDATION_FAILED"]


def test_the_audience_chosen_in_the_mapping_wins() -> None:
    ran = sync(enter(), mapping={HOOK: {"inputs": {}, "outputs": {"audienceName": "n", "audienceId": "99"}}})

    assert ran.calls == ["POST https://graph.facebook.com/v24.0/99/users"]


def error(code: int, **more: Any) -> dict[str, Any]:
    return {"error": {"message": "Sorry", "type": "OAuthException", "code": code, **more}}


def test_a_refusal_fails_those_of_the_call_with_the_words_of_facebook() -> None:
    refused = answer(400, error(100, error_subcode=1713230, error_user_title="Flagged", error_user_msg="See why"))

    ran = sync(enter("u1"), leave("u2"), responses=[refused, answer(200, {"num_received": 1})])

    assert ran.outcomes == ["400", "delivered"]
    assert ran.verdicts[0].detail == "Facebook: Flagged. See why. Sorry. (code 100, subcode 1713230)"


@pytest.mark.parametrize("code", [4, 17, 32, 341, 613, 80003])
def test_a_limit_told_by_a_400_is_waited_for(code: int) -> None:
    usage = json.dumps({"111": [{"type": "custom_audience", "estimated_time_to_regain_access": 5}]})

    ran = sync(enter(), responses=[answer(400, error(code), x_business_use_case_usage=usage)])

    assert (ran.verdict.outcome, ran.verdict.code, ran.verdict.retry_after) == ("retry", "429", 300.0)


@pytest.mark.parametrize(
    ("response", "outcome", "code"),
    [
        (answer(400, error(2)), "retry", "503"),
        (answer(400, error(2650, error_subcode=1870145)), "retry", "503"),
        (answer(429, "", retry_after="7"), "retry", "429"),
        (Response(status=502, body=b"<html>Bad gateway</html>"), "retry", "502"),
        (answer(403, error(200)), "failed", "403"),
        (answer(400, ""), "failed", "400"),
    ],
)
def test_failures_are_judged(response: Response, outcome: str, code: str) -> None:
    ran = sync(enter(), responses=[response])

    assert (ran.verdict.outcome, ran.verdict.code) == (outcome, code)


def test_a_token_that_is_no_longer_taken_pauses() -> None:
    ran = sync(enter(), responses=[answer(400, error(190))])

    assert ran.calls == [f"POST {USERS}"]
    assert (ran.verdict.outcome, ran.verdict.status) == ("failed", 401)


def test_ten_thousand_people_a_call() -> None:
    events = [enter(f"u{number}") for number in range(10_001)]

    ran = sync(*events)

    assert [len(body["payload"]["data"]) for body in ran.bodies] == [10_000, 1]


def test_a_new_audience_is_made_in_its_own_account() -> None:
    ran = run_operation(
        definition,
        "create_audience",
        settings=SETTINGS,
        audience_settings={"engageAdAccountId": "act_222", "audienceDescription": "Spenders"},
        responses=[answer(200, {"id": "23851"})],
        token=TOKEN,
    )

    assert ran.result == "23851"
    assert ran.calls == ["POST https://graph.facebook.com/v24.0/act_222/customaudiences"]
    assert ran.bodies == [
        {
            "name": "VIP",
            "subtype": "CUSTOM",
            "customer_file_source": "BOTH_USER_AND_PARTNER_PROVIDED",
            "description": "Spenders",
        }
    ]


@pytest.mark.parametrize(
    ("response", "status"), [(answer(404, error(100)), 400), (answer(500, ""), 500), (answer(200, {}), 400)]
)
def test_an_audience_that_cannot_be_made_says_why(response: Response, status: int) -> None:
    ran = run_operation(definition, "create_audience", settings=SETTINGS, responses=[response], token=TOKEN)

    assert (ran.verdict.code, ran.verdict.status) == ("CREATE_AUDIENCE_FAILED", status)


def test_an_audience_is_looked_up_by_its_id() -> None:
    ran = run_operation(
        definition,
        "get_audience",
        settings=SETTINGS,
        external_audience_id="23851",
        responses=[answer(200, {"id": "23851", "name": "VIP"})],
        token=TOKEN,
    )

    assert ran.result == "23851"
    assert ran.calls == ["GET https://graph.facebook.com/v24.0/23851?fields=id,name"]


def test_the_connection_is_tested_by_reading_the_account() -> None:
    ran = run_operation(definition, "test_connection", settings={"retlAdAccountId": "act_111"}, token=TOKEN)

    assert ran.calls == ["GET https://graph.facebook.com/v24.0/act_111?fields=id,name"]
    assert ran.request.headers["Authorization"] == "Bearer tok"


@pytest.mark.parametrize(
    ("inputs", "call"),
    [
        (
            {"operation": "create", "audienceName": "Rows"},
            "POST https://graph.facebook.com/v24.0/act_111/customaudiences",
        ),
        (
            {"operation": "existing", "existingAudienceId": "99"},
            "GET https://graph.facebook.com/v24.0/99?fields=id,name",
        ),
    ],
)
def test_the_hook_makes_or_takes_an_audience(inputs: dict[str, str], call: str) -> None:
    ran = run(
        lambda context: choose_audience(context, inputs),
        context=Context(settings=SETTINGS),
        answers=[answer(200, {"id": "99", "name": "Rows"})],
    )

    assert ran.calls == [call]
    assert ran.result == {"audienceName": "Rows", "audienceId": "99"}
