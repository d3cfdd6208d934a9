from __future__ import annotations

from typing import Any

from destinations.kit.testing import WorkerCase, answer

URL = "https://hooks.example/audiences"


def call(email: str, *, entered: bool) -> tuple[str, Any]:
    return f"POST {URL}", {"email": email, "user": "u1", "vip": entered}


CASES = [
    WorkerCase(
        settings={"url": URL, "sharedSecret": "s"},
        kinds=("track",),
        mappings=[
            {
                "action": "send",
                "trigger": 'type = "track"',
                "fields": {
                    "data": {
                        "email": {"@path": "$.context.traits.email"},
                        "user": {"@path": "$.userId"},
                        "vip": {"@path": "$.properties.vip"},
                    }
                },
            }
        ],
        added=[call("ann@example.org", entered=True)],
        changed=[call("ann@work.example", entered=True)],
        removed=[call("ann@example.org", entered=False), call("ann@work.example", entered=False)],
    ),
    WorkerCase(
        name="refusing",
        settings={"url": URL},
        kinds=("track",),
        mappings=[{"action": "send", "trigger": 'type = "track"', "fields": {"data": {"id": {"@path": "$.userId"}}}}],
        added=[(f"POST {URL}", {"id": "u1"})],
        changed=[(f"POST {URL}", {"id": "u1"})],
        removed=[(f"POST {URL}", {"id": "u1"})] * 2,
        failing=answer(400, "no"),
        retried=False,
    ),
]
