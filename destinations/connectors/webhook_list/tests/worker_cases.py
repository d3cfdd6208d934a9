from __future__ import annotations

from typing import Any

from destinations.kit.testing import ANYTHING, Rule, WorkerCase, answer

URL, CREATE = "https://hooks.example/list", "https://hooks.example/create"


def person(email: str) -> dict[str, Any]:
    return {"messageId": ANYTHING, "idType": "email", "id": email, "userId": "u1", "email": email}


def batch(*, added: list[Any], removed: list[Any]) -> tuple[str, Any]:
    about = {"audience": "vip", "audience_name": "VIP", "computation_id": "aud_1", "external_audience_id": "l-9"}
    return f"POST {URL}", {**about, "space_id": ANYTHING, "added": added, "removed": removed}


ANN, WORK = person("ann@example.org"), person("ann@work.example")
CASES = [
    WorkerCase(
        settings={"url": URL, "createAudienceUrl": CREATE},
        responses=[Rule(url=CREATE, response=answer(200, {"externalId": "l-9"}))],
        added=[
            (
                f"POST {CREATE}",
                {"audienceName": "VIP", "computation_id": "aud_1", "computation_key": "vip", "space_id": ANYTHING},
            ),
            batch(added=[ANN], removed=[]),
        ],
        changed=[batch(added=[WORK], removed=[])],
        removed=[batch(added=[], removed=[ANN, WORK])],
    )
]
