from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.responsys import definition
from destinations.kit.definition import Token
from destinations.kit.testing import answer, identify, run_action, track

ASYNC = "https://api.rs.example/rest/asyncApi/v1.3"
PET = f"{ASYNC}/lists/CONTACTS/listExtensions/SEG_PET/members"
SETTINGS = {
    "username": "u",
    "userPassword": "p",
    "baseUrl": "https://api.rs.example/",
    "profileListName": "CONTACTS",
    "profileExtensionTable": "SEG_PET",
    "insertOnNoMatch": True,
    "matchColumnName1": "EMAIL_ADDRESS",
    "updateOnMatch": "REPLACE_ALL",
    "defaultPermissionStatus": "OPTOUT",
}
EVENTS = [track(user_id="u1"), track(user_id="u2", email="ben@example.org", entered=False)]


def run(action: str = "sendAudience", *responses: Any, events: Any = EVENTS, **more: Any) -> Any:
    told = {"settings": SETTINGS, "token": Token(access_token="t-1"), "events": events, **more}
    return run_action(definition, action, responses=responses, **told)


def test_an_audience_is_a_column_for_members_and_leavers_alike() -> None:
    ran = run()

    assert ran.calls == [f"POST {PET}"]
    assert ran.request.headers == {"Authorization": "t-1", "Content-Type": "application/json"}
    assert ran.request.body == (
        b'{"recordData":{"fieldNames":["EMAIL_ADDRESS_","CUSTOMER_ID_","VIP"],'
        b'"records":[["ann@example.org","u1",true],["ben@example.org","u2",false]],"mapTemplateName":""},'
        b'"insertOnNoMatch":true,"updateOnMatch":"REPLACE_ALL",'
        b'"matchColumnName1":"EMAIL_ADDRESS","matchColumnName2":""}'
    )
    assert ran.outcomes == ["delivered", "delivered"]


def test_the_columns_are_those_of_the_mapping_even_without_values() -> None:
    ran = run(events=[track(user_id=None)])

    assert ran.bodies[0]["recordData"]["fieldNames"] == ["EMAIL_ADDRESS_", "CUSTOMER_ID_", "VIP"]
    assert ran.bodies[0]["recordData"]["records"] == [["ann@example.org", "", True]]


def test_everything_may_go_as_text() -> None:
    ran = run(mapping={"stringify": True})

    assert [row[2] for row in ran.bodies[0]["recordData"]["records"]] == ["true", "false"]


def test_two_match_columns() -> None:
    ran = run(settings={**SETTINGS, "matchColumnName2": "CUSTOMER_ID"})

    assert ran.bodies[0]["matchColumnName2"] == "CUSTOMER_ID"


def test_a_computed_trait_is_no_audience() -> None:
    event = identify()
    event["context"]["personas"]["computation_class"] = "trait"

    ran = run(events=[event])

    assert (ran.calls, ran.outcomes) == ([], ["PAYLOAD_VALIDATION_FAILED"])


def test_traits_go_to_the_table_of_the_mapping() -> None:
    mapping = {
        "pet_name": "TRAITS",
        "userData": {"CUSTOMER_ID_": {"@path": "$.userId"}, "city": {"@path": "$.traits.city"}},
    }

    ran = run("sendCustomTraits", events=[identify(city="Oslo"), identify(user_id="u2")], mapping=mapping)

    assert ran.calls == [f"POST {ASYNC}/lists/CONTACTS/listExtensions/TRAITS/members"]
    assert ran.bodies[0]["recordData"] == {
        "fieldNames": ["CUSTOMER_ID_", "CITY"],
        "records": [["u1", "Oslo"], ["u2", ""]],
        "mapTemplateName": "",
    }


def test_a_young_event_comes_again() -> None:
    event = track()
    event["timestamp"] = "2999-01-01T00:00:00.000Z"

    ran = run(events=[event], mapping={"retry": 30})

    assert ran.calls == []
    assert (ran.verdicts[0].outcome, ran.verdicts[0].status) == ("retry", 429)


@pytest.mark.parametrize("missing", ["profileListName", "profileExtensionTable"])
def test_without_list_or_table_nothing_is_sent(missing: str) -> None:
    ran = run(settings={**SETTINGS, missing: ""})

    assert ran.calls == []
    assert ran.outcomes == ["INVALID_SETTINGS", "INVALID_SETTINGS"]


@pytest.mark.parametrize("url", ["http://api.rs.example", "https://", "https://api.rs.example?x=1", "ftp://a"])
def test_a_base_url_that_is_no_https_address_is_refused(url: str) -> None:
    ran = run(settings={**SETTINGS, "baseUrl": url})

    assert ran.calls == []
    assert {verdict.outcome for verdict in ran.verdicts} == {"failed"}


def test_a_limit_told_as_400_is_tried_again() -> None:
    ran = run("sendAudience", answer(400, {"errorCode": "API_LIMIT_EXCEEDED", "detail": "Too many calls."}))

    assert [verdict.outcome for verdict in ran.verdicts] == ["retry", "retry"]
    assert ran.verdicts[0].detail == "Too many calls."


def test_a_missing_column_fails_with_what_responsys_said() -> None:
    refused = answer(400, {"title": "Invalid field name", "errorCode": "INVALID_FIELD_NAME", "detail": "VIP not found"})

    ran = run("sendAudience", refused)

    assert ran.outcomes == ["400", "400"]
    assert ran.verdicts[0].detail == "VIP not found"


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (answer(429, "", retry_after="3"), "retry"),
        (answer(503, "<html>down</html>"), "retry"),
        (answer(404, "<html>"), "failed"),
    ],
)
def test_a_failing_vendor(response: Any, outcome: str) -> None:
    ran = run("sendAudience", response)

    assert [verdict.outcome for verdict in ran.verdicts] == [outcome, outcome]


@pytest.mark.parametrize(
    "expired", [answer(401, {"errorCode": "TOKEN_EXPIRED"}), answer(400, {"errorCode": "INVALID_TOKEN"})]
)
def test_an_expired_token_signs_in_again(expired: Any) -> None:
    ran = run("sendAudience", expired, answer(200, {"authToken": "t-2"}), answer(202, {"requestId": "1"}))

    assert ran.calls[1] == "POST https://api.rs.example/rest/api/v1.3/auth/token"
    assert ran.bodies[1] == {"user_name": "u", "password": "p", "auth_type": "password"}
    assert ran.requests[2].headers["Authorization"] == "t-2"
    assert ran.outcomes == ["delivered", "delivered"]


def test_wrong_credentials_are_told() -> None:
    refused = answer(400, {"errorCode": "INVALID_USER_NAME_PASSWORD", "detail": "Wrong user name or password."})

    ran = run("sendAudience", refused, token=Token())

    assert ran.outcomes == ["INVALID_AUTHENTICATION", "INVALID_AUTHENTICATION"]
    assert "Wrong user name or password." in ran.verdicts[0].detail


def test_an_answer_without_token_is_no_sign_in() -> None:
    ran = run("sendAudience", answer(200, "<html>"), token=Token())

    assert ran.outcomes == ["INVALID_AUTHENTICATION", "INVALID_AUTHENTICATION"]
