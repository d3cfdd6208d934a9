from __future__ import annotations

from typing import Any

from destinations.kit.testing import ANYTHING, WorkerCase

URL = "https://api.retentionscience.com"


def user(email: str, value: bool) -> tuple[str, Any]:
    return f"PUT {URL}/users/update/u1", {"vip": value, "email": email, "record_id": "u1"}


def event(name: str, value: bool) -> tuple[str, Any]:
    properties = {"audience_key": "vip", "vip": value}
    return f"POST {URL}/events", {"record_id": "u1", "event": name, "time": ANYTHING, "properties": properties}


SETTINGS = {"api_user": "u", "api_password": "p"}
CASES = [
    WorkerCase(
        name="identify",
        settings=SETTINGS,
        kinds=("identify",),
        added=[user("ann@example.org", True)],
        changed=[user("ann@work.example", True)],
        removed=[user("ann@example.org", False), user("ann@work.example", False)],
    ),
    WorkerCase(
        name="track",
        settings=SETTINGS,
        kinds=("track",),
        added=[event("Audience Entered", True)],
        changed=[event("Audience Entered", True)],
        removed=[event("Audience Exited", False), event("Audience Exited", False)],
    ),
]
