from __future__ import annotations

from typing import Any

from destinations.kit.testing import Rule, WorkerCase, answer

API = "https://api.eu.iterable.com/api"
LISTS = (f"GET {API}/lists", None)


def people(verb: str, *emails: str) -> tuple[str, Any]:
    found = [{"email": email, "userId": "u1"} for email in emails]
    return f"POST {API}/lists/{verb}", {"listId": 77, "subscribers": found, **MORE[verb]}


MORE: dict[str, Any] = {"subscribe": {"updateExistingUsersOnly": True}, "unsubscribe": {"campaignId": 5}}
CASES = [
    WorkerCase(
        settings={"apiKey": "k", "dataCenterLocation": "europe", "iterableProjectType": "hybrid"},
        audience_settings={"updateExistingUsersOnly": True, "campaignId": 5},
        responses=[
            Rule(url=f"{API}/lists", method="GET", response=answer(200, {"lists": [{"id": 77, "name": "vip"}]}))
        ],
        added=[LISTS, people("subscribe", "ann@example.org")],
        changed=[LISTS, people("subscribe", "ann@work.example")],
        removed=[LISTS, people("unsubscribe", "ann@example.org", "ann@work.example")],
        failing=answer(500, {"code": "GenericError", "msg": "Oops"}),
        failing_url=f"{API}/lists/",
    )
]
