from __future__ import annotations

from typing import Any

from destinations.connectors.responsys import definition
from destinations.kit.definition import Token
from destinations.kit.testing import Rule, answer, identify, run_action, run_operation, track

API, ASYNC = "https://api.rs.example/rest/api/v1.3", "https://api.rs.example/rest/asyncApi/v1.3"
SETTINGS = {
    "username": "u",
    "userPassword": "p&",
    "baseUrl": "https://api.rs.example",
    "profileListName": "MY LIST",
    "insertOnNoMatch": True,
    "matchColumnName1": "EMAIL_ADDRESS",
    "matchOperator": "NONE",
    "updateOnMatch": "REPLACE_ALL",
    "defaultPermissionStatus": "OPTOUT",
    "optinValue": "I",
    "optoutValue": "O",
    "htmlValue": "H",
    "textValue": "T",
    "rejectRecordIfChannelEmpty": "E",
}
LIST = f"{ASYNC}/lists/MY%20LIST/members"
LISTING = f"{API}/lists/MY%20LIST/listExtensions"
EVENTS = [identify(), identify(user_id="u2", email="ben@example.org")]
TAKEN = Rule(url=f"{ASYNC}/lists", response=answer(202, {"requestId": "4/2", "status": "PENDING"}))


def run(action: str, *responses: Any, events: Any = EVENTS, **more: Any) -> Any:
    told = {"settings": SETTINGS, "token": Token(access_token="t-1"), "events": events, **more}
    return run_action(definition, action, responses=responses, **told)


def polled(body: Any) -> Rule:
    return Rule(url=f"{ASYNC}/requests", response=answer(200, body))


def test_members_are_written_and_asked_for() -> None:
    ran = run("upsertListMember", TAKEN, polled({"status": "SUCCESS"}))

    assert ran.calls == [f"POST {LIST}", f"GET {ASYNC}/requests/4%2F2"]
    assert ran.requests[0].body == (
        b'{"recordData":{"fieldNames":["EMAIL_ADDRESS_","CUSTOMER_ID_"],'
        b'"records":[["ann@example.org","u1"],["ben@example.org","u2"]],"mapTemplateName":""},'
        b'"mergeRule":{"htmlValue":"H","optinValue":"I","textValue":"T","insertOnNoMatch":true,'
        b'"updateOnMatch":"REPLACE_ALL","matchColumnName1":"EMAIL_ADDRESS_","matchOperator":"NONE",'
        b'"optoutValue":"O","rejectRecordIfChannelEmpty":"E","defaultPermissionStatus":"OPTOUT"}}'
    )
    assert ran.outcomes == ["delivered", "delivered"]


def test_a_record_that_could_not_be_merged_fails_alone() -> None:
    records = [["18"], ["MERGEFAILED: Record 1 = INVALID EMAIL FORMAT"]]

    ran = run("upsertListMember", TAKEN, polled({"response": {"recordData": {"records": records}}}))

    assert ran.outcomes == ["delivered", "MERGEFAILED"]
    assert ran.verdicts[1].detail == "INVALID EMAIL FORMAT"


def test_a_write_that_failed_later_fails_all_its_people() -> None:
    failed = {"response": {"errorCode": "LIST_NOT_FOUND", "detail": "No such list"}, "status": "FAILURE"}

    ran = run("upsertListMember", TAKEN, polled(failed))

    assert ran.outcomes == ["LIST_NOT_FOUND", "LIST_NOT_FOUND"]


def test_a_merge_that_still_goes_on_counts_as_taken() -> None:
    ran = run("upsertListMember", TAKEN, polled({"response": {"errorCode": "PROCESSING_REQUEST"}}))

    assert ran.outcomes == ["delivered", "delivered"]


def test_a_poll_that_fails_does_not_write_again() -> None:
    ran = run("upsertListMember", TAKEN, Rule(url=f"{ASYNC}/requests", response=answer(429, "slow")))

    assert ran.outcomes == ["delivered", "delivered"]


def test_only_columns_of_people_are_written() -> None:
    mapping = {"userData": {"EMAIL_ADDRESS_": {"@path": "$.traits.email"}, "CITY_": "Oslo"}}

    ran = run("upsertListMember", TAKEN, polled({}), mapping=mapping, events=EVENTS[:1])

    assert ran.bodies[0]["recordData"]["fieldNames"] == ["EMAIL_ADDRESS_"]
    assert ran.bodies[0]["recordData"]["records"] == [["ann@example.org"]]


def test_somebody_without_identifier_fails_alone() -> None:
    ran = run("upsertListMember", TAKEN, polled({}), events=[*EVENTS, identify(user_id=None, email=None)])

    assert ran.outcomes == ["delivered", "delivered", "PAYLOAD_VALIDATION_FAILED"]


def test_more_than_200_people_are_two_calls() -> None:
    events = [identify(user_id=f"u{number}", email=f"u{number}@example.org") for number in range(201)]

    ran = run("upsertListMember", TAKEN, polled({}), events=events)

    assert [len(body["recordData"]["records"]) for body in ran.bodies if body] == [200, 1]


def test_an_audience_gets_a_table_of_its_own() -> None:
    key = "an_audience_with_a_very_long_name"
    events = [track(key=key), track(key=key, user_id=None, email="ben@example.org", entered=False)]

    ran = run("sendAudienceAsPet", Rule(url=LISTING, method="GET", response=answer(200, [])), TAKEN, events=events)

    pet = f"{ASYNC}/lists/MY%20LIST/listExtensions/{key}/members"
    poll = f"GET {ASYNC}/requests/4%2F2"
    assert ran.calls == [
        f"GET {LISTING}",
        f"POST {LISTING}",
        f"POST {LIST}",
        poll,
        f"POST {pet}",
        poll,
        f"POST {pet}",
        poll,
    ]
    assert ran.bodies[1] == {
        "profileExtension": {"objectName": key, "folderName": "Segment"},
        "fields": [{"fieldName": key[:30], "fieldType": "STR500"}],
    }
    assert ran.bodies[2]["recordData"]["records"] == [["ann@example.org", "u1"], ["ben@example.org", ""]]
    assert ran.bodies[4] == {
        "recordData": {"fieldNames": ["CUSTOMER_ID_", key[:30]], "records": [["u1", "1"]], "mapTemplateName": None},
        "insertOnNoMatch": True,
        "updateOnMatch": "REPLACE_ALL",
        "matchColumnName1": "CUSTOMER_ID",
    }
    assert ran.bodies[6]["recordData"]["records"] == [["ben@example.org", "0"]]
    assert ran.bodies[6]["matchColumnName1"] == "EMAIL_ADDRESS"


def test_a_table_that_exists_is_not_made_again() -> None:
    there = Rule(url=LISTING, method="GET", response=answer(200, [{"profileExtension": {"objectName": "VIP"}}]))

    ran = run("sendAudienceAsPet", there, TAKEN, events=[track()])

    assert f"POST {LISTING}" not in ran.calls


def test_a_table_that_another_worker_made_meanwhile_is_used() -> None:
    none = Rule(url=LISTING, method="GET", response=answer(200, []))
    made = Rule(url=LISTING, method="POST", response=answer(400, {"detail": "Object already exists"}))

    ran = run("sendAudienceAsPet", none, made, TAKEN, events=[track()])

    assert ran.outcomes == ["delivered"]


def test_a_person_whom_the_list_refused_does_not_reach_the_table() -> None:
    there = Rule(url=LISTING, method="GET", response=answer(200, [{"profileExtension": {"objectName": "vip"}}]))
    failed = polled({"response": {"recordData": {"records": [["MERGEFAILED: Record 0 = BAD"]]}}})

    ran = run("sendAudienceAsPet", there, TAKEN, failed, events=[track()])

    assert ran.calls[-1] == f"GET {ASYNC}/requests/4%2F2"
    assert ran.outcomes == ["MERGEFAILED"]


def test_any_table_takes_the_mapped_columns() -> None:
    mapping = {"pet_name": "CITIES", "userData": {"CUSTOMER_ID_": {"@path": "$.userId"}, "CITY": "Oslo"}}
    none = Rule(url=LISTING, method="GET", response=answer(200, []))

    ran = run("sendToPet", none, TAKEN, mapping=mapping, events=EVENTS[:1])

    assert ran.bodies[1]["fields"] == [{"fieldName": "CITY", "fieldType": "STR500"}]
    assert ran.bodies[4]["recordData"] == {
        "fieldNames": ["CUSTOMER_ID_", "CITY"],
        "records": [["u1", "Oslo"]],
        "mapTemplateName": None,
    }


def test_the_connection_is_tested_by_signing_in() -> None:
    ran = run_operation(definition, "test_connection", settings=SETTINGS, token=Token(access_token="t"))

    assert ran.calls == [f"POST {API}/auth/token"]
    assert ran.request.body == b"user_name=u&password=p%26&auth_type=password"
