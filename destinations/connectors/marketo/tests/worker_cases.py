from __future__ import annotations

from typing import Any

from destinations.kit.testing import Rule, WorkerCase, answer

HOST = "https://123-abc-456.mktorest.com"
TOKEN, LEADS = f"{HOST}/identity/oauth/token", f"{HOST}/rest/v1/leads.json"
FORM = {"client_id": "c", "client_secret": "s", "grant_type": "client_credentials"}


def call(email: str, value: bool) -> tuple[str, Any]:
    record = {"email": email, "vip": value}
    return f"POST {LEADS}", {"action": "createOrUpdate", "lookupField": "email", "input": [record]}


CASES = [
    WorkerCase(
        settings={"client_id": "c", "client_secret": "s", "api_endpoint": HOST},
        kinds=("identify",),
        responses=[
            Rule(url=TOKEN, response=answer(200, {"access_token": "t"})),
            Rule(url=LEADS, response=answer(200, {"success": True, "result": []})),
        ],
        added=[(f"POST {TOKEN}", FORM), call("ann@example.org", True)],
        changed=[call("ann@work.example", True)],
        removed=[call("ann@example.org", False), call("ann@work.example", False)],
        failing=answer(200, {"success": False, "errors": [{"code": "606", "message": "Max rate limit exceeded"}]}),
        failing_url=LEADS,
    )
]
