from __future__ import annotations

from typing import Any

from destinations.connectors.responsys_batch import definition
from destinations.kit.definition import Token
from destinations.kit.testing import Rule, answer, identify, run_action, run_operation

API, ASYNC = "https://api.rs.example/rest/api/v1.3", "https://api.rs.example/rest/asyncApi/v1.3"
SETTINGS = {
    "username": "u",
    "userPassword": "p",
    "baseUrl": "https://api.rs.example",
    "profileListName": "CONTACTS",
    "insertOnNoMatch": True,
    "matchColumnName1": "EMAIL_ADDRESS",
    "updateOnMatch": "REPLACE_ALL",
    "defaultPermissionStatus": "OPTOUT",
}
TOKEN = Token(access_token="t-1")
TAKEN = Rule(url=f"{ASYNC}/lists", response=answer(202, {"requestId": "42"}))
LISTING = f"{API}/lists/CONTACTS/listExtensions"


def sync(events: list[Any], *responses: Any) -> Any:
    return run_action(
        definition, "syncAudience", settings=SETTINGS, token=TOKEN, events=events, responses=responses, as_batch=True
    )


def test_members_and_leavers_share_the_calls() -> None:
    events = [identify(list_id="vip"), identify(user_id="u2", email="b@example.org", entered=False, list_id="vip")]

    ran = sync(events, TAKEN)

    assert [call.split("/v1.3/")[1] for call in ran.calls] == [
        "lists/CONTACTS/members",
        "requests/42",
        "lists/CONTACTS/listExtensions/vip/members",
        "requests/42",
    ]
    assert ran.bodies[2]["recordData"]["records"] == [["u1", "1"], ["u2", "0"]]
    assert ran.outcomes == ["delivered", "delivered"]


def test_of_two_calls_for_a_person_the_later_counts() -> None:
    events = [identify(list_id="vip"), identify(email="ann@work.example", entered=False, list_id="vip")]

    ran = sync(events, TAKEN)

    assert ran.bodies[0]["recordData"]["records"] == [["ann@work.example", "u1"]]
    assert ran.bodies[2]["recordData"]["records"] == [["u1", "0"]]


def test_the_result_of_the_later_call_is_that_of_the_earlier_too() -> None:
    failed = Rule(
        url=f"{ASYNC}/requests", response=answer(200, {"response": {"records": [["MERGEFAILED: Record 0 = BAD"]]}})
    )

    ran = sync([identify(list_id="vip"), identify(entered=False, list_id="vip")], TAKEN, failed)

    assert ran.outcomes == ["MERGEFAILED", "MERGEFAILED"]


def test_a_bad_address_and_a_missing_identifier_fail_alone() -> None:
    events = [
        identify(list_id="vip"),
        identify(user_id=None, email=None, list_id="vip"),
        identify(user_id="u3", email="no address", list_id="vip"),
    ]

    ran = sync(events, TAKEN)

    assert ran.outcomes == ["delivered", "PAYLOAD_VALIDATION_FAILED", "PAYLOAD_VALIDATION_FAILED"]


def test_an_audience_without_table_sends_nothing() -> None:
    ran = sync([identify()])

    assert (ran.calls, ran.outcomes) == ([], ["PAYLOAD_VALIDATION_FAILED"])


def test_a_failing_vendor_is_asked_again() -> None:
    ran = sync([identify(list_id="vip")], answer(503, "<html>"))

    assert ran.verdicts[0].outcome == "retry"


def operate(name: str, *responses: Any, external: str = "", **audience_settings: str) -> Any:
    return run_operation(
        definition,
        name,
        settings=SETTINGS,
        token=TOKEN,
        audience_settings=audience_settings,
        external_audience_id=external,
        responses=responses,
    )


def test_the_table_of_an_audience_is_created() -> None:
    ran = operate("create_audience", answer(200, []), answer(200, True))

    assert ran.calls == [f"GET {LISTING}", f"POST {LISTING}"]
    assert ran.result == "vip"


def test_a_table_that_exists_is_used() -> None:
    ran = operate("create_audience", answer(200, [{"profileExtension": {"objectName": "SHARED"}}]), pet_name="SHARED")

    assert (ran.calls, ran.result) == ([f"GET {LISTING}"], "SHARED")


def test_a_table_that_was_deleted_is_noticed() -> None:
    ran = operate("get_audience", answer(200, []), external="vip")

    assert ran.result is None
