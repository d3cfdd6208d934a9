from __future__ import annotations

from typing import Any

from destinations.kit.testing import ANYTHING, Rule, WorkerCase, answer

API = "https://api.intercom.io"
SEARCH = f"{API}/contacts/search"


def calls(email: str, *, entered: bool) -> list[tuple[str, Any]]:
    query = {"field": "external_id", "operator": "=", "value": "u1"}
    person = {"role": "user", "external_id": "u1", "email": email, "custom_attributes": {"vip": entered}}
    return [
        (f"POST {SEARCH}", {"query": query}),
        (f"PUT {API}/contacts/ic-1", person),
    ]


ANN, WORK = "ann@example.org", "ann@work.example"
FOUND = [Rule(url=SEARCH, response=answer(200, {"total_count": 1, "data": [{"id": "ic-1"}]}))]
CASES = [
    WorkerCase(
        settings={"oauth_access_token": "t"},
        kinds=("identify",),
        responses=FOUND,
        added=calls(ANN, entered=True),
        changed=calls(WORK, entered=True),
        removed=[*calls(ANN, entered=False), *calls(WORK, entered=False)],
        failing=answer(429, {"type": "error.list", "errors": [{"code": "rate_limit_exceeded"}]}),
    ),
    WorkerCase(
        name="events",
        settings={"oauth_access_token": "t"},
        kinds=("track",),
        added=[
            (
                f"POST {API}/events",
                {
                    "event_name": "Audience Entered",
                    "created_at": ANYTHING,
                    "user_id": "u1",
                    "email": ANN,
                    "metadata": ANYTHING,
                },
            )
        ],
        changed=[(f"POST {API}/events", ANYTHING)],
        removed=[(f"POST {API}/events", ANYTHING)] * 2,
        failing=answer(404, {"type": "error.list", "errors": [{"code": "not_found", "message": "User Not Found"}]}),
        retried=False,
    ),
]
