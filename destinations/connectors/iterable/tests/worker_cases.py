from __future__ import annotations

from typing import Any

from destinations.kit.testing import WorkerCase, answer

URL = "https://api.iterable.com/api/users/bulkUpdate"


def users(email: str, *, member: bool) -> tuple[str, Any]:
    fields = {"vip": member, "email": email}
    return f"POST {URL}", {
        "users": [{"email": email, "userId": "u1", "dataFields": fields, "mergeNestedObjects": False}]
    }


CASES = [
    WorkerCase(
        settings={"apiKey": "k"},
        kinds=("identify",),
        added=[users("ann@example.org", member=True)],
        changed=[users("ann@work.example", member=True)],
        removed=[users("ann@example.org", member=False), users("ann@work.example", member=False)],
        failing=answer(429, {"code": "RateLimitExceeded", "msg": "Too many"}),
    )
]
