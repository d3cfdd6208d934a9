from __future__ import annotations

from typing import Any

from destinations.kit.personal import sha256
from destinations.kit.testing import Rule, WorkerCase, answer

HOST = "https://adsapi.snapchat.com/v1"
MADE = answer(200, {"request_status": "SUCCESS", "segments": [{"segment": {"id": "s-1"}}]})
SEGMENT = {
    "name": "VIP",
    "source_type": "FIRST_PARTY",
    "ad_account_id": "acc",
    "description": "",
    "retention_in_days": 9999,
}
LOOK = (f"GET {HOST}/segments/s-1", None)


def users(method: str, *emails: str) -> tuple[str, Any]:
    data = [[sha256(email)] for email in emails]
    return f"{method} {HOST}/segments/s-1/users", {"users": [{"schema": ["EMAIL_SHA256"], "data": data}]}


CASES = [
    WorkerCase(
        settings={"ad_account_id": "acc", "oauth_access_token": "tok"},
        responses=[
            Rule(url=f"{HOST}/adaccounts", response=MADE),
            Rule(url=f"{HOST}/segments/s-1", method="GET", response=MADE),
        ],
        added=[(f"POST {HOST}/adaccounts/acc/segments", {"segments": [SEGMENT]}), users("POST", "ann@example.org")],
        changed=[LOOK, users("POST", "ann@work.example")],
        removed=[LOOK, users("DELETE", "ann@example.org", "ann@work.example")],
        failing=answer(429, {"request_status": "ERROR"}, retry_after="60"),
        failing_url=f"{HOST}/segments/s-1/users",
    )
]
