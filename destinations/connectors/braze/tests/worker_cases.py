from __future__ import annotations

from typing import Any

from destinations.kit.testing import WorkerCase, answer

HOST = "https://rest.iad-01.braze.com"


def call(email: str, value: bool) -> tuple[str, Any]:
    profile = {"vip": value, "email": email, "external_id": "u1", "_update_existing_only": False}
    return f"POST {HOST}/users/track", {"attributes": [profile]}


CASES = [
    WorkerCase(
        settings={"api_key": "k", "endpoint": HOST},
        kinds=("identify",),
        added=[call("ann@example.org", True)],
        changed=[call("ann@work.example", True)],
        removed=[call("ann@example.org", False), call("ann@work.example", False)],
        failing=answer(429, {"message": "Too many requests"}, x_ratelimit_reset="5"),
    )
]
