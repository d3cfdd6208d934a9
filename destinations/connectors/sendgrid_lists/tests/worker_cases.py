from __future__ import annotations

from typing import Any

from destinations.kit.testing import Rule, WorkerCase, answer

API = "https://api.sendgrid.com/v3/marketing"
SEARCH = f"{API}/contacts/search"


def put(*emails: str, lists: list[str]) -> tuple[str, Any]:
    return f"PUT {API}/contacts", {"list_ids": lists, "contacts": [{"email": email} for email in emails]}


ANN, WORK = "ann@example.org", "ann@work.example"
CASES = [
    WorkerCase(
        settings={"sendGridApiKey": "k"},
        kinds=("identify",),
        responses=[
            Rule(url=f"{API}/lists/l-1", response=answer(200, {"id": "l-1"})),
            Rule(url=f"{API}/lists", method="GET", response=answer(200, {"result": []})),
            Rule(url=f"{API}/lists", method="POST", response=answer(201, {"id": "l-1"})),
            Rule(url=SEARCH, response=answer(200, {"result": [{"id": "c1"}, {"id": "c2"}]})),
        ],
        added=[(f"GET {API}/lists", None), (f"POST {API}/lists", {"name": "VIP"}), put(ANN, lists=["l-1"])],
        changed=[(f"GET {API}/lists/l-1", None), put(WORK, lists=["l-1"])],
        removed=[
            (f"GET {API}/lists/l-1", None),
            put(ANN, WORK, lists=[]),
            (f"POST {SEARCH}", {"query": f"email IN ('{ANN}','{WORK}')"}),
            (f"DELETE {API}/lists/l-1/contacts?contact_ids=c1,c2", None),
        ],
        failing=answer(429, {"errors": [{"message": "too many requests"}]}),
    )
]
