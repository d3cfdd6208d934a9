from __future__ import annotations

from typing import Any

from destinations.kit.testing import WorkerCase, answer

URL = "https://acme.zendesk.com/api/v2/users/create_or_update"
SETTINGS = {"subdomain": "acme", "email": "admin@acme.example", "api_token": "t"}


def upsert(email: str, *, entered: bool) -> tuple[str, Any]:
    user = {"name": "Ann Lee", "email": email, "external_id": "u1", "user_fields": {"vip": entered}}
    return f"POST {URL}", {"user": user}


ANN, WORK = "ann@example.org", "ann@work.example"
CASES = [
    WorkerCase(
        settings=SETTINGS,
        kinds=("identify",),
        traits={"name": "Ann Lee"},
        added=[upsert(ANN, entered=True)],
        changed=[upsert(WORK, entered=True)],
        removed=[upsert(ANN, entered=False), upsert(WORK, entered=False)],
        failing=answer(503, "busy", retry_after="2"),
    ),
    WorkerCase(
        name="refusing",
        settings=SETTINGS,
        kinds=("identify",),
        traits={"name": "Ann Lee"},
        added=[upsert(ANN, entered=True)],
        changed=[upsert(WORK, entered=True)],
        removed=[upsert(ANN, entered=False), upsert(WORK, entered=False)],
        failing=answer(422, {"error": "RecordInvalid", "description": "Record validation errors"}),
        retried=False,
    ),
]
