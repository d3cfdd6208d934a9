from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.salesforce import definition
from destinations.kit.conversation import converse
from destinations.kit.definition import Context, Token
from destinations.kit.testing import Ran, Recording, answer, identify, run_action, run_operation, track

API = "https://acme.my.salesforce.com/services/data/v53.0"
SETTINGS = {"instanceUrl": "https://acme.my.salesforce.com", "oauth_refresh_token": "r"}
TOKEN = Token(access_token="t", refresh_token="r")
BY_EMAIL = f"GET {API}/query/?q=SELECT%20Id%20FROM%20Contact%20WHERE%20Email%20%3D%20'ann%40example.org'"
MODE = "__segment_internal_sync_mode"
FOUND = answer(200, {"totalSize": 1, "records": [{"Id": "003A"}]})
NONE = answer(200, {"totalSize": 0, "records": []})


def run(action: str, mapping: dict[str, Any], *responses: Any, event: Any = None, **more: Any) -> Ran:
    return run_action(
        definition,
        action,
        settings=SETTINGS,
        mapping=mapping,
        events=[event or identify(last_name="Lee")],
        responses=responses,
        trigger="",
        token=TOKEN,
        **more,
    )


def audience(**more: Any) -> dict[str, Any]:
    return {**definition.presets[0].fields, **more}


@pytest.mark.parametrize("entered", [True, False])
def test_the_preset_sets_the_checkbox_of_the_contact(entered: bool) -> None:
    ran = run("contact2", audience(), FOUND, answer(204), event=identify(entered=entered))

    assert ran.calls == [BY_EMAIL, f"PATCH {API}/sobjects/Contact/003A"]
    assert ran.requests[0].headers == {"Authorization": "Bearer t"}
    assert ran.requests[1].body == b'{"Email":"ann@example.org","vip__c":%s}' % (b"true" if entered else b"false")
    assert ran.outcomes == ["delivered"]


def test_identifiers_of_a_track_call_are_found_in_its_context() -> None:
    ran = run("contact2", audience(), FOUND, answer(204), event=track(entered=False))

    assert ran.calls[0] == BY_EMAIL
    assert ran.bodies[1] == {"Email": "ann@example.org", "vip__c": False}


def test_a_lead_is_added_with_standard_fields_and_custom_ones_over_them() -> None:
    event = identify(last_name="Lee", company="Acme", address={"postal_code": "94103", "city": "SF"})

    ran = run("lead2", {"customFields": {"A__c": 1, "City": "Oakland"}}, answer(201, {"id": "00Q1"}), event=event)

    assert ran.calls == [f"POST {API}/sobjects/Lead"]
    assert ran.bodies == [
        {
            "Company": "Acme",
            "LastName": "Lee",
            "Email": "ann@example.org",
            "City": "Oakland",
            "PostalCode": "94103",
            "A__c": 1,
        }
    ]


def test_an_upsert_creates_what_is_not_found() -> None:
    ran = run("contact2", audience(**{MODE: "upsert"}), NONE, answer(201, {"id": "003B"}))

    assert ran.calls == [BY_EMAIL, f"POST {API}/sobjects/Contact"]
    assert ran.bodies[1] == {"LastName": "Lee", "Email": "ann@example.org", "vip__c": True}


def test_an_update_of_nobody_is_not_found() -> None:
    ran = run("contact2", audience(), NONE)

    assert ran.calls == [BY_EMAIL]
    assert ran.verdict.status == 404
    assert "Record Not Found" in ran.verdict.detail


def test_several_matches_change_nothing() -> None:
    ran = run("contact2", audience(), answer(200, {"totalSize": 2, "records": [{"Id": "1"}, {"Id": "2"}]}))

    assert ran.calls == [BY_EMAIL]
    assert ran.verdict.status == 300
    assert "Multiple Records Found" in ran.verdict.detail


def test_an_id_needs_no_search() -> None:
    ran = run("contact2", audience(traits={"Id": "003/Z"}), answer(204))

    assert ran.calls == [f"PATCH {API}/sobjects/Contact/003%2FZ"]


def test_delete_removes_the_one_match() -> None:
    ran = run("contact2", audience(**{MODE: "delete"}), FOUND, answer(204))

    assert ran.calls == [BY_EMAIL, f"DELETE {API}/sobjects/Contact/003A"]
    assert ran.requests[1].body is None


def test_older_mappings_choose_the_operation_by_a_field() -> None:
    ran = run("lead", {"operation": "delete", "traits": {"Email": "a@b.co"}}, FOUND, answer(204))

    assert ran.calls[1] == f"DELETE {API}/sobjects/Lead/003A"


@pytest.mark.parametrize(
    ("action", "mapping", "missing"),
    [
        ("contact2", {"last_name": None}, "last_name"),
        ("account2", {"name": None}, "name"),
        ("opportunity2", {"name": "Deal", "close_date": "2024-05-06"}, "stage_name"),
    ],
)
def test_a_new_record_needs_its_fields(action: str, mapping: dict[str, Any], missing: str) -> None:
    ran = run(action, mapping)

    assert ran.calls == []
    assert f"Missing {missing} value" in ran.verdict.detail


def test_searching_by_nothing_is_refused() -> None:
    ran = run("contact2", {MODE: "update"})

    assert ran.calls == []
    assert ran.verdict.status == 400
    assert "Undefined Traits" in ran.verdict.detail


def test_a_custom_object_is_named_by_the_mapping() -> None:
    mapping = {"customObjectName": "Visit__c", "customFields": {"At__c": "2024-05-06"}}

    ran = run("customObject2", mapping, answer(201))

    assert ran.calls == [f"POST {API}/sobjects/Visit__c"]
    assert ran.bodies == [{"At__c": "2024-05-06"}]


@pytest.mark.parametrize("name", ["Visit__c/../Lead", "1x", "a b"])
def test_what_is_no_object_name_goes_nowhere(name: str) -> None:
    ran = run("customObject2", {"customObjectName": name, "customFields": {"A": 1}})

    assert (ran.calls, ran.outcomes) == ([], ["PAYLOAD_VALIDATION_FAILED"])


def test_objects_to_choose_from_are_asked_for() -> None:
    found = {
        "sobjects": [
            {"name": "Visit__c", "label": "Visit", "createable": True, "queryable": True},
            {"name": "Log", "label": "Log", "createable": False, "queryable": True},
        ]
    }
    action = definition.action("customObject2")
    assert action is not None
    recording = Recording([answer(200, found)])
    context = Context(settings=SETTINGS, token=TOKEN)
    _verdict, choices = recording.run(converse(lambda known: action.choices["customObjectName"](known, {}), context))

    assert [request.url for request in recording.requests] == [f"{API}/sobjects"]
    assert [(choice.value, choice.label) for choice in choices] == [("Visit__c", "Visit")]


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (400, "INVALID_FIELD", "failed"),
        (400, "UNABLE_TO_LOCK_ROW", "retry"),
        (403, "REQUEST_LIMIT_EXCEEDED", "retry"),
        (403, "INSUFFICIENT_ACCESS", "failed"),
        (503, "SERVER_UNAVAILABLE", "retry"),
    ],
)
def test_salesforces_errors_decide_about_another_try(status: int, code: str, outcome: str) -> None:
    ran = run("contact2", audience(), FOUND, answer(status, [{"message": "No such column", "errorCode": code}]))

    assert ran.verdict.outcome == outcome
    assert "No such column" in ran.verdict.detail


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (answer(429, "", retry_after="7"), "retry"),
        (answer(502, "<html>Bad gateway</html>"), "retry"),
        (answer(404, "<html>No such host</html>"), "failed"),
        (answer(200, "<html>Maintenance</html>"), "failed"),
        (answer(200, ""), "failed"),
    ],
)
def test_answers_that_are_not_salesforces(response: Any, outcome: str) -> None:
    ran = run("contact2", audience(), response)

    assert ran.verdict.outcome == outcome
    assert ran.verdict.retry_after == (7 if response.status == 429 else None)


def test_an_expired_session_is_renewed_once() -> None:
    expired = answer(401, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}])

    ran = run("contact2", audience(), expired, answer(200, {"access_token": "new"}), FOUND, answer(204))

    assert ran.calls[1:] == ["POST https://login.salesforce.com/services/oauth2/token", *[BY_EMAIL, ran.calls[3]]]
    assert ran.bodies[1]["grant_type"] == "refresh_token"
    assert ran.requests[2].headers["Authorization"] == "Bearer new"
    assert ran.outcomes == ["delivered"]


def test_signing_in_by_user_name_names_the_instance_too() -> None:
    settings = {
        "username": "u@acme.com",
        "auth_password": "pw",
        "security_token": "st",
        "oauth_client_id": "c",
        "oauth_client_secret": "s",
        "isSandbox": True,
    }
    login = answer(200, {"access_token": "new", "instance_url": "https://acme--dev.sandbox.my.salesforce.com"})

    ran = run_operation(definition, "test_connection", settings=settings, responses=[login, answer(200, {})])

    assert ran.calls == [
        "POST https://test.salesforce.com/services/oauth2/token",
        "GET https://acme--dev.sandbox.my.salesforce.com/services/data/v53.0/limits",
    ]
    assert ran.requests[0].body == (
        b"grant_type=password&client_id=c&client_secret=s&username=u%40acme.com&password=pwst"
    )


@pytest.mark.parametrize(
    "url", ["https://evil.example", "https://salesforce.com.evil.example", "http://a.salesforce.com"]
)
def test_the_token_goes_to_salesforce_only(url: str) -> None:
    ran = run_operation(definition, "test_connection", settings={"instanceUrl": url}, token=TOKEN)

    assert (ran.calls, ran.verdict.code) == ([], "INVALID_SETTINGS")
