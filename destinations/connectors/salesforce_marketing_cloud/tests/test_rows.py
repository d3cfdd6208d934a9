from __future__ import annotations

import pytest

from destinations.connectors.salesforce_marketing_cloud import definition
from destinations.connectors.salesforce_marketing_cloud.rows import column_of
from destinations.kit.definition import Token
from destinations.kit.testing import answer, identify, run_action, track

SETTINGS = {"subdomain": "mc1", "account_id": "900", "client_id": "ci", "client_secret": "cs"}
ROWSET = "https://mc1.rest.marketingcloudapis.com/hub/v1/dataevents/{}/rowset"
TOKEN = Token(access_token="t-1")
VALUES = {"key": "DE", "values": {"Email": {"@path": "$.traits.email"}}}
EVENTS = [identify(user_id="u1", email="a@example.org"), identify(user_id="u2", email="b@example.org")]


def row(user: str, email: str) -> dict[str, object]:
    return {"keys": {"contactKey": user}, "values": {"Email": email}}


def run(action: str = "contactDataExtension", **more: object) -> object:
    told = {"settings": SETTINGS, "mapping": VALUES, "events": EVENTS, "token": TOKEN, **more}
    return run_action(definition, action, **told)


def test_a_batch_is_one_call() -> None:
    ran = run()

    assert ran.calls == [f"POST {ROWSET.format('key:DE')}"]
    assert ran.request.headers == {"Authorization": "Bearer t-1", "Content-Type": "application/json"}
    assert ran.request.body == (
        b'[{"keys":{"contactKey":"u1"},"values":{"Email":"a@example.org"}},'
        b'{"keys":{"contactKey":"u2"},"values":{"Email":"b@example.org"}}]'
    )
    assert ran.outcomes == ["delivered", "delivered"]


def test_a_bad_row_fails_alone_because_rows_behind_it_were_not_stored() -> None:
    refused = answer(400, {"message": "bad", "errorcode": 10006, "additionalErrors": [{"message": "Invalid date"}]})

    ran = run(responses=[refused, refused, answer(200, {})])

    assert ran.bodies == [
        [row("u1", "a@example.org"), row("u2", "b@example.org")],
        [row("u1", "a@example.org")],
        [row("u2", "b@example.org")],
    ]
    assert ran.outcomes == ["400", "delivered"]
    assert ran.verdicts[0].detail == "Invalid date"


def test_trouble_of_the_storage_is_tried_again() -> None:
    ran = run(responses=[answer(400, {"errorcode": 10006, "message": "Unable to save rows for data extension ID x"})])

    assert len(ran.requests) == 1
    assert [verdict.outcome for verdict in ran.verdicts] == ["retry", "retry"]


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (answer(429, {"message": "Slow down"}, retry_after="7"), "retry"),
        (answer(503, "<html>maintenance</html>"), "retry"),
        (answer(403, ""), "failed"),
        (answer(404, "<html>nothing here</html>"), "failed"),
    ],
)
def test_a_failing_vendor(response: object, outcome: str) -> None:
    ran = run(responses=[response])

    assert [verdict.outcome for verdict in ran.verdicts] == [outcome, outcome]


def test_the_wait_that_the_vendor_asks_for_is_kept() -> None:
    ran = run(responses=[answer(429, {"message": "Slow down"}, retry_after="7")])

    assert ran.verdicts[0].retry_after == 7
    assert ran.verdicts[0].detail == "Slow down"


def test_an_expired_token_is_renewed_once() -> None:
    ran = run(responses=[answer(401, {"message": "Not Authorized"}), answer(200, {"access_token": "t-2"}), answer(200)])

    assert ran.calls[1] == "POST https://mc1.auth.marketingcloudapis.com/v2/token"
    assert ran.bodies[1] == {
        "account_id": "900",
        "client_id": "ci",
        "client_secret": "cs",
        "grant_type": "client_credentials",
    }
    assert ran.requests[2].headers["Authorization"] == "Bearer t-2"
    assert ran.outcomes == ["delivered", "delivered"]
    assert ran.token.access_token == "t-2"


def test_the_key_wins_over_the_id_and_is_quoted() -> None:
    ran = run(mapping={**VALUES, "key": "My DE/1", "id": "abc"}, events=EVENTS[:1])

    assert ran.calls == [f"POST {ROWSET.format('key:My%20DE%2F1')}"]


def test_without_key_the_id_is_used() -> None:
    ran = run(mapping={"id": "abc", "values": {"M": True}}, events=EVENTS[:1])

    assert ran.calls == [f"POST {ROWSET.format('abc')}"]


def test_without_either_the_settings_decide() -> None:
    settings = {**SETTINGS, "data_extension_key": "PEOPLE"}

    ran = run(settings=settings, mapping={"values": {"M": True}}, events=EVENTS[:1])

    assert ran.calls == [f"POST {ROWSET.format('key:PEOPLE')}"]


def test_without_any_data_extension_nothing_is_sent() -> None:
    ran = run(mapping={"values": {"M": True}}, events=EVENTS[:1])

    assert (ran.calls, ran.outcomes) == ([], ["PAYLOAD_VALIDATION_FAILED"])


def test_rows_for_two_data_extensions_are_two_calls() -> None:
    mapping = {"key": {"@path": "$.userId"}, "values": {"M": True}}

    ran = run(mapping=mapping)

    assert ran.calls == [f"POST {ROWSET.format('key:u1')}", f"POST {ROWSET.format('key:u2')}"]


def test_a_person_who_left_gets_false_in_the_column_of_the_audience() -> None:
    event = identify(entered=False, key="vip_buyers")

    ran = run(mapping={**VALUES, "include_computation": True}, events=[event])

    assert ran.bodies == [[{"keys": {"contactKey": "u1"}, "values": {"Email": "ann@example.org", "Vip Buyers": False}}]]


@pytest.mark.parametrize(
    ("key", "column"), [("vip_buyers", "Vip Buyers"), ("total_revenue_180_days", "Total Revenue 180 Days"), ("a", "A")]
)
def test_a_column_is_the_key_in_title_case(key: str, column: str) -> None:
    assert column_of(key) == column


def test_v2_writes_where_the_mapping_was_connected() -> None:
    mapping = {"values": {"M": True}, "onMappingSave": {"inputs": {}, "outputs": {"id": "de-7", "name": "People"}}}

    ran = run("contactDataExtensionV2", mapping=mapping, events=EVENTS[:1])

    assert ran.calls == [f"POST {ROWSET.format('de-7')}"]


def test_v2_without_a_data_extension_says_so() -> None:
    ran = run("dataExtensionV2", mapping={"keys": {"Id": "1"}, "values": {"M": True}}, events=[track()], trigger="")

    assert ran.outcomes == ["PAYLOAD_VALIDATION_FAILED"]
    assert ran.verdicts[0].detail.startswith("No Data Extension Connected")


def test_many_rows_at_once_are_flat() -> None:
    mapping = {"key": "DE", "keys": {"Id": {"@path": "$.userId"}}, "values": {"M": True}}

    ran = run("asyncDataExtension", mapping=mapping, responses=[answer(202, {"requestId": "r-1"})])

    assert ran.calls == ["PUT https://mc1.rest.marketingcloudapis.com/data/v1/async/dataextensions/key:DE/rows"]
    assert ran.bodies == [{"items": [{"Id": "u1", "M": True}, {"Id": "u2", "M": True}]}]
    assert ran.outcomes == ["delivered", "delivered"]


def test_many_rows_that_are_refused_fail_with_what_was_said() -> None:
    mapping = {"key": "DE", "keys": {"Id": {"@path": "$.userId"}}, "values": {"M": True}}

    ran = run("asyncDataExtension", mapping=mapping, responses=[answer(400, {"message": "No such column"})])

    assert ran.outcomes == ["400", "400"]
    assert ran.verdicts[1].detail == "No such column"
