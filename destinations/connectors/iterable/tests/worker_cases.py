from __future__ import annotations

from typing import Any

from destinations.kit.testing import WorkerCase, answer

URL = "https://api.iterable.com/api/users/bulkUpdate"


def update(email: str, *, entered: bool) -> tuple[str, Any]:
    one = {
        "email": email,
        "userId": "u1",
        "dataFields": {"email": email, "vip": entered},
        "mergeNestedObjects": False,
    }
    return f"POST {URL}", {"users": [one]}


ANN, WORK = "ann@example.org", "ann@work.example"
CASES = [
    WorkerCase(
        settings={"apiKey": "k", "dataCenterLocation": "united_states"},
        kinds=("identify",),
        added=[update(ANN, entered=True)],
        changed=[update(WORK, entered=True)],
        removed=[update(ANN, entered=False), update(WORK, entered=False)],
        failing=answer(429, {"code": "RateLimitExceeded"}),
    )
]
