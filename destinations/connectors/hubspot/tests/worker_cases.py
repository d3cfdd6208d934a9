from __future__ import annotations

from typing import Any

from destinations.kit.testing import Rule, WorkerCase, answer

URL = "https://api.hubapi.com/crm/v3/objects/contacts"


def update(email: str, *, entered: bool) -> tuple[str, Any]:
    return f"PATCH {URL}/{email}?idProperty=email", {"properties": {"email": email, "vip": entered}}


def create(email: str, *, entered: bool) -> tuple[str, Any]:
    return f"POST {URL}", {"properties": {"email": email, "vip": entered}}


ANN, WORK = "ann@example.org", "ann@work.example"
CASES = [
    WorkerCase(
        settings={"oauth_access_token": "pat-1"},
        kinds=("identify",),
        responses=[
            Rule(url=f"{URL}/{ANN}", response=answer(404, {"category": "OBJECT_NOT_FOUND"})),
            Rule(url=URL, response=answer(200, {"id": "1", "properties": {}})),
        ],
        added=[update(ANN, entered=True), create(ANN, entered=True)],
        changed=[update(WORK, entered=True)],
        removed=[update(ANN, entered=False), create(ANN, entered=False), update(WORK, entered=False)],
        failing=answer(429, {"status": "error", "policyName": "TEN_SECONDLY_ROLLING"}, retry_after="1"),
    ),
    WorkerCase(
        name="unknown property",
        settings={"oauth_access_token": "pat-1"},
        kinds=("identify",),
        added=[update(ANN, entered=True)],
        changed=[update(WORK, entered=True)],
        removed=[update(ANN, entered=False), update(WORK, entered=False)],
        failing=answer(400, {"status": "error", "message": 'Property "vip" does not exist'}),
        retried=False,
    ),
]
