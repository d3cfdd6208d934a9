from __future__ import annotations

from typing import Any

from destinations.kit.testing import WorkerCase, answer

URL = "https://hooks.slack.com/services/T0/B0/secret"


def call(email: str, did: str) -> tuple[str, Any]:
    return f"POST {URL}", {"text": f"{email}: Audience {did} (vip)"}


CASES = [
    WorkerCase(
        settings={"url": URL},
        kinds=("track",),
        added=[call("ann@example.org", "Entered")],
        changed=[call("ann@work.example", "Entered")],
        removed=[call("ann@example.org", "Exited"), call("ann@work.example", "Exited")],
        failing=answer(404, "no_service"),
        retried=False,
    )
]
