from __future__ import annotations

from typing import Any

from destinations.kit.testing import WorkerCase, answer

URL = "https://pi.pardot.com/api/v5/objects/prospects/do/upsertLatestByEmail"


def call(email: str, value: bool) -> tuple[str, Any]:
    prospect = {"email": email, "vip": value}
    return f"POST {URL}", {"matchEmail": email, "prospect": prospect, "secondaryDeletedSearch": True}


CASES = [
    WorkerCase(
        settings={
            "businessUnitID": "0Uv000000000001",
            "accountID": "999",
            "oauth_access_token": "t",
            "oauth_refresh_token": "r",
        },
        kinds=("identify",),
        added=[call("ann@example.org", True)],
        changed=[call("ann@work.example", True)],
        removed=[call("ann@example.org", False), call("ann@work.example", False)],
        failing=answer(429, {"code": 66, "message": "Too many concurrent requests"}, retry_after="1"),
    )
]
