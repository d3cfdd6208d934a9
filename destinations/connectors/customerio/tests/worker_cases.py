from __future__ import annotations

from typing import Any

from destinations.kit.testing import ANYTHING, WorkerCase, answer

URL = "https://track.customer.io/api/v2/batch"
SETTINGS = {"siteId": "s", "apiKey": "k", "accountRegion": "us"}


def identify(email: str, *, entered: bool) -> tuple[str, Any]:
    one = {
        "type": "person",
        "action": "identify",
        "attributes": {"email": email, "vip": entered},
        "timestamp": ANYTHING,
        "identifiers": {"id": "u1"},
    }
    return f"POST {URL}", {"batch": [one]}


ANN, WORK = "ann@example.org", "ann@work.example"
CASES = [
    WorkerCase(
        settings=SETTINGS,
        kinds=("identify",),
        added=[identify(ANN, entered=True)],
        changed=[identify(WORK, entered=True)],
        removed=[identify(ANN, entered=False), identify(WORK, entered=False)],
        failing=answer(429, "", retry_after="1"),
    )
]
