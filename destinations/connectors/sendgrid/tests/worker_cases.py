from __future__ import annotations

from typing import Any

from destinations.kit.testing import Rule, WorkerCase, answer

FIELDS = "https://api.sendgrid.com/v3/marketing/field_definitions"
CONTACTS = "https://api.sendgrid.com/v3/marketing/contacts"


def one(email: str, *, entered: bool) -> dict[str, Any]:
    return {"email": email, "custom_fields": {"e1_T": str(entered).lower()}}


def calls(*contacts: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(f"GET {FIELDS}", None), (f"PUT {CONTACTS}", {"contacts": list(contacts)})]


ANN, WORK = "ann@example.org", "ann@work.example"
RESPONSES = [Rule(url=FIELDS, response=answer(200, {"custom_fields": [{"id": "e1_T", "name": "vip"}]}))]
SINGLE = [{"action": "updateUserProfile", "trigger": 'type = "identify"', "fields": {"enable_batching": False}}]
CASES = [
    WorkerCase(
        settings={"sendGridApiKey": "k"},
        kinds=("identify",),
        responses=RESPONSES,
        added=calls(one(ANN, entered=True)),
        changed=calls(one(WORK, entered=True)),
        removed=[*calls(one(ANN, entered=False)), *calls(one(WORK, entered=False))],
        failing=answer(429, {"errors": [{"message": "too many requests"}]}),
    ),
    WorkerCase(
        name="one by one",
        settings={"sendGridApiKey": "k", "endpoint": "https://api.sendgrid.com"},
        kinds=("identify",),
        mappings=SINGLE,
        responses=RESPONSES,
        added=calls(one(ANN, entered=True)),
        changed=calls(one(WORK, entered=True)),
        removed=[*calls(one(ANN, entered=False)), *calls(one(WORK, entered=False))],
        failing=answer(400, {"errors": [{"field": "contacts[0].identifier", "message": "email 'x' is not valid"}]}),
        failing_url=CONTACTS,
        retried=False,
    ),
]
