from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.marketo_static_lists import definition
from destinations.connectors.marketo_static_lists.add_to_list import csv
from destinations.kit.definition import Token
from destinations.kit.testing import Ran, answer, run_action, track

HOST = "https://123-abc-456.mktorest.com"
SETTINGS = {"client_id": "c", "client_secret": "s", "api_endpoint": f"{HOST}/rest", "folder_name": "Engage"}
IMPORT = f"POST {HOST}/bulk/v1/leads.json?format=csv&listId=1312&lookupField=email"
QUEUED = answer(200, {"success": True, "result": [{"batchId": 1, "importId": "1", "status": "Queued"}]})


def refused(code: str, message: str = "no") -> Any:
    return answer(200, {"success": False, "errors": [{"code": code, "message": message}]})


def run(events: list[Any], *responses: Any, mapping: dict[str, Any] | None = None) -> Ran:
    return run_action(
        definition,
        "addToList",
        settings=SETTINGS,
        mapping=mapping,
        events=events,
        responses=responses or [QUEUED],
        token=Token(access_token="t"),
    )


def entry(user: str, **more: Any) -> dict[str, Any]:
    return track(user_id=user, email=f"{user}@x.co", list_id="1312", **more)


def test_one_file_holds_all_who_entered() -> None:
    ran = run([entry("u1"), entry("u2")])

    assert ran.calls == [IMPORT]
    assert ran.request.headers == {
        "Authorization": "Bearer t",
        "Content-Type": "multipart/form-data; boundary=--SEGMENT-DATA--",
    }
    assert ran.request.body == (
        b'----SEGMENT-DATA--\r\nContent-Disposition: form-data; name="file"; filename="leads.csv"\r\n'
        b"Content-Type: text/csv\r\n\r\nemail\nu1@x.co\nu2@x.co\r\n----SEGMENT-DATA----\r\n"
    )
    assert ran.outcomes == ["delivered", "delivered"]


def test_an_email_among_the_properties_is_found() -> None:
    ran = run([track(email=None, list_id="1312") | {"properties": {"vip": True, "email": "p@x.co"}}])

    assert "\r\n\r\nemail\np@x.co\r\n" in ran.bodies[0]


def test_a_lead_that_comes_twice_is_in_the_file_once() -> None:
    data = {"data": {"email": {"@path": "$.context.traits.email"}, "score": {"@path": "$.properties.score"}}}
    again = track(user_id="u1", email="U1@x.co", list_id="1312", score=2)

    ran = run([entry("u1", score=1), again], mapping=data)

    assert "\r\n\r\nemail,score\nU1@x.co,2\r\n" in ran.bodies[0]
    assert ran.outcomes == ["delivered", "delivered"]


def test_a_lead_without_the_lookup_field_fails_alone() -> None:
    ran = run([entry("u1"), track(user_id="u2", email=None, list_id="1312")])

    assert "\r\n\r\nemail\nu1@x.co\r\n" in ran.bodies[0]
    assert ran.outcomes == ["delivered", "PAYLOAD_VALIDATION_FAILED"]


def test_the_list_of_the_mapping_wins() -> None:
    ran = run([entry("u1")], mapping={"retlOnMappingSave": {"outputs": {"id": "77"}}})

    assert "listId=77&" in ran.request.url


def test_without_a_list_nothing_is_sent() -> None:
    ran = run([track()])

    assert (ran.calls, ran.verdict.status) == ([], 400)
    assert "No list ID" in ran.verdict.detail


@pytest.mark.parametrize(
    ("code", "outcome", "status"), [("1016", "retry", 500), ("606", "retry", 500), ("1003", "failed", 400)]
)
def test_an_answer_of_200_may_be_a_failure(code: str, outcome: str, status: int) -> None:
    ran = run([entry("u1"), entry("u2")], refused(code, "queue full"))

    assert [(verdict.outcome, verdict.status) for verdict in ran.verdicts] == [(outcome, status)] * 2
    assert "queue full" in ran.verdicts[0].detail


@pytest.mark.parametrize(
    "response", [answer(200, "<html>hi</html>"), answer(200, ""), answer(200, {}), answer(502, "x")]
)
def test_an_answer_without_details_is_tried_again(response: Any) -> None:
    assert run([entry("u1")], response).verdict.outcome == "retry"


def test_too_many_calls_wait_as_long_as_marketo_says() -> None:
    ran = run([entry("u1")], answer(429, "", retry_after="20"))

    assert (ran.verdict.outcome, ran.verdict.retry_after) == ("retry", 20)


def test_an_expired_token_is_renewed_once() -> None:
    ran = run([entry("u1"), entry("u2")], refused("602"), answer(200, {"access_token": "new"}), QUEUED)

    assert ran.calls == [IMPORT, f"POST {HOST}/identity/oauth/token", IMPORT]
    assert ran.bodies[1] == {"client_id": "c", "client_secret": "s", "grant_type": "client_credentials"}
    assert ran.requests[2].headers["Authorization"] == "Bearer new"
    assert ran.outcomes == ["delivered", "delivered"]


def test_values_are_quoted_where_csv_needs_it() -> None:
    rows = [{"email": "a@x.co", "n": 0, "b": False}, {"email": 'q"q', "x,y": "a\nb", "n": None}]

    assert csv(rows) == 'email,n,b,"x,y"\na@x.co,0,false,\n"q""q",,,"a\nb"'


def test_a_file_of_more_than_ten_megabytes_is_refused() -> None:
    ran = run([entry("u1")], mapping={"data": {"email": "a@x.co", "note": "x" * 10_500_000}})

    assert (ran.calls, ran.outcomes) == ([], ["PAYLOAD_VALIDATION_FAILED"])
