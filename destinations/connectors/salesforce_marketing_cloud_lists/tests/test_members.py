from __future__ import annotations

from typing import Any

from destinations.connectors.salesforce_marketing_cloud_lists import definition
from destinations.kit.definition import Token
from destinations.kit.testing import answer, identify, run_action, run_operation, track

SETTINGS = {"subdomain": "mc1", "account_id": "900", "client_id": "ci", "client_secret": "cs"}
TOKEN = Token(access_token="t-1")
ROWSET = "https://mc1.rest.marketingcloudapis.com/hub/v1/dataevents/key:VIPS/rowset"


def sync(events: list[Any], *responses: Any) -> Any:
    return run_action(
        definition, "syncMembers", settings=SETTINGS, token=TOKEN, events=events, responses=responses, as_batch=True
    )


def row(key: str, email: str, *, member: bool, column: str = "Vip") -> dict[str, Any]:
    return {"keys": {"contactKey": key}, "values": {"EmailAddress": email, column: member}}


def test_who_entered_and_who_left_go_in_one_call() -> None:
    events = [
        track(user_id="u1", list_id="key:VIPS"),
        track(user_id="u2", email="ben@example.org", entered=False, list_id="key:VIPS"),
    ]

    ran = sync(events)

    assert ran.calls == [f"POST {ROWSET}"]
    assert ran.bodies == [[row("u1", "ann@example.org", member=True), row("u2", "ben@example.org", member=False)]]


def test_somebody_without_user_id_is_found_by_email() -> None:
    ran = sync([identify(user_id=None, list_id="key:VIPS")])

    assert ran.bodies == [[row("ann@example.org", "ann@example.org", member=True)]]


def test_of_two_calls_for_a_person_the_later_counts_for_both() -> None:
    events = [
        identify(list_id="key:VIPS"),
        identify(email="ann@work.example", list_id="key:VIPS", entered=False),
        identify(user_id="u2", list_id="key:VIPS"),
    ]
    refused = answer(400, {"message": "bad row"})

    ran = sync(events, refused, refused, answer(200))

    assert ran.bodies[1:] == [
        [row("u1", "ann@work.example", member=False)],
        [row("u2", "ann@example.org", member=True)],
    ]
    assert ran.outcomes == ["400", "400", "delivered"]


def test_the_column_may_be_named_for_the_audience() -> None:
    ran = sync([identify(list_id="de-1", audience_settings={"column": "IsVip"})])

    assert ran.bodies == [[row("u1", "ann@example.org", member=True, column="IsVip")]]


def test_an_event_without_membership_fails_alone() -> None:
    silent = identify(user_id="u9", list_id="key:VIPS")
    del silent["traits"]["vip"]

    ran = sync([identify(list_id="key:VIPS"), silent])

    assert ran.outcomes == ["delivered", "INVALID_AUDIENCE_MEMBERSHIP"]


def test_an_audience_without_data_extension_sends_nothing() -> None:
    ran = sync([identify()])

    assert (ran.calls, ran.outcomes) == ([], ["PAYLOAD_VALIDATION_FAILED"])


def test_a_busy_vendor_is_asked_again() -> None:
    ran = sync([identify(list_id="key:VIPS")], answer(429, "<html>slow</html>", retry_after="9"))

    assert (ran.verdicts[0].outcome, ran.verdicts[0].retry_after) == ("retry", 9)


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


def test_a_data_extension_that_exists_is_used() -> None:
    ran = operate("create_audience", data_extension_key="My VIPs")

    assert (ran.calls, ran.result) == ([], "key:My%20VIPs")


def test_a_new_data_extension_has_the_column_of_the_audience() -> None:
    ran = operate("create_audience", answer(201, {"id": "de-9", "key": "K"}), category_id="77")

    assert ran.result == "de-9"
    assert ran.bodies[0]["name"] == "VIP"
    assert [(column["name"], column["type"]) for column in ran.bodies[0]["fields"]] == [
        ("contactKey", "Text"),
        ("EmailAddress", "EmailAddress"),
        ("Vip", "Boolean"),
    ]


def test_without_key_and_folder_no_data_extension_is_made() -> None:
    ran = operate("create_audience")

    assert ran.calls == []
    assert ran.verdict.code == "PAYLOAD_VALIDATION_FAILED"


def test_a_data_extension_that_was_deleted_is_noticed() -> None:
    gone = operate("get_audience", answer(404, {"message": "none"}), external="de-9")
    there = operate("get_audience", answer(200, {"id": "de-9"}), external="de-9")

    assert (gone.result, there.result) == (None, "de-9")


def test_a_data_extension_known_by_key_is_taken_to_be_there() -> None:
    ran = operate("get_audience", external="key:VIPS")

    assert (ran.calls, ran.result) == ([], "key:VIPS")
