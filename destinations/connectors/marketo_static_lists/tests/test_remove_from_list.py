from __future__ import annotations

from typing import Any

from destinations.connectors.marketo_static_lists import definition
from destinations.kit.definition import Token
from destinations.kit.testing import Ran, answer, run_action, track

HOST = "https://123-abc-456.mktorest.com"
SETTINGS = {"client_id": "c", "client_secret": "s", "api_endpoint": HOST, "folder_name": "Engage"}
FIND = f"GET {HOST}/rest/v1/leads.json?filterType=email&filterValues="


def ok(*result: Any, **more: Any) -> Any:
    return answer(200, {"success": True, "result": list(result), **more})


def lead(number: int, email: str) -> dict[str, Any]:
    return {"id": number, "email": email}


def run(users: list[str], *responses: Any, domain: str = "x.co") -> Ran:
    return run_action(
        definition,
        "removeFromList",
        settings=SETTINGS,
        events=[track(entered=False, user_id=user, email=f"{user}@{domain}", list_id="1312") for user in users],
        responses=responses,
        token=Token(access_token="t"),
    )


def test_leads_are_found_and_removed_by_their_ids() -> None:
    ran = run(["u1", "u2"], ok(lead(7, "u1@x.co"), lead(8, "u2@x.co")), ok({"id": 7, "status": "removed"}))

    assert ran.calls == [f"{FIND}u1%40x.co%2Cu2%40x.co", f"DELETE {HOST}/rest/v1/lists/1312/leads.json?id=7,8"]
    assert [request.body for request in ran.requests] == [None, None]
    assert ran.outcomes == ["delivered", "delivered"]


def test_leads_that_marketo_does_not_know_have_left() -> None:
    ran = run(["u1", "u2"], ok())

    assert len(ran.calls) == 1
    assert ran.outcomes == ["delivered", "delivered"]


def test_all_pages_of_leads_are_read() -> None:
    ran = run(["u1"], ok(lead(7, "u1@x.co"), nextPageToken="N=="), ok(lead(9, "u1@x.co")), ok())

    assert ran.calls[1:] == [
        f"{FIND}u1%40x.co&nextPageToken=N%3D%3D",
        f"DELETE {HOST}/rest/v1/lists/1312/leads.json?id=7,9",
    ]


def test_a_lead_that_is_skipped_fails_alone() -> None:
    said = [
        {"id": 7, "status": "skipped", "reasons": [{"code": "1076", "message": "locked"}]},
        {"id": 8, "status": "skipped", "reasons": [{"code": "1004", "message": "Lead not found"}]},
    ]

    ran = run(["u1", "u2"], ok(lead(7, "U1@x.co"), lead(8, "u2@x.co")), ok(*said))

    assert ran.outcomes == ["1076", "delivered"]


def test_long_addresses_are_cut_into_several_requests() -> None:
    ran = run([f"person{number:03}" for number in range(200)], ok(), domain="a-rather-long-domain-name.example.org")

    assert len(ran.calls) == 2
    assert all(len(request.url) < 8_000 for request in ran.requests)
    assert ran.outcomes == ["delivered"] * 200


def test_a_refused_removal_is_told() -> None:
    ran = run(
        ["u1"], ok(lead(7, "u1@x.co")), answer(200, {"success": False, "errors": [{"code": "1013", "message": "m"}]})
    )

    assert (ran.verdict.outcome, ran.verdict.status) == ("failed", 400)
    assert "Marketo error 1013" in ran.verdict.detail


def test_without_a_list_nothing_is_sent() -> None:
    token = Token(access_token="t")

    ran = run_action(definition, "removeFromList", settings=SETTINGS, events=[track(entered=False)], token=token)

    assert (ran.calls, ran.verdict.status) == ([], 400)
