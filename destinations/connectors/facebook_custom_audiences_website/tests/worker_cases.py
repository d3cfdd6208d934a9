from __future__ import annotations

import json
from typing import Any

from destinations.connectors.facebook_custom_audiences_website.audiences import rule
from destinations.kit.personal import sha256
from destinations.kit.testing import ANYTHING, Rule, WorkerCase, answer

HOST = "https://graph.facebook.com/v24.0"
MAKE, LOOK = f"{HOST}/act_111/customaudiences", (f"GET {HOST}/9?fields=id,name", None)


def events(name: str, *emails: str) -> tuple[str, Any]:
    told = [
        {
            "event_name": name,
            "event_time": ANYTHING,
            "event_id": ANYTHING,
            "action_source": "system_generated",
            "user_data": {"em": [sha256(email)], "external_id": [sha256("u1")]},
            "custom_data": {"audience_key": "vip"},
        }
        for email in emails
    ]
    return f"POST {HOST}/77/events", {"data": told}


CREATE = {
    "name": "VIP",
    "rule": json.dumps(rule("77", "vip", 180), separators=(",", ":")),
    "retention_days": 180,
    "prefill": False,
}
CASES = [
    WorkerCase(
        settings={"pixelId": "77", "adAccountId": "111", "oauth_access_token": "tok"},
        responses=[
            Rule(url=MAKE, response=answer(200, {"id": "9"})),
            Rule(url=f"{HOST}/9?", response=answer(200, {"id": "9", "name": "VIP"})),
        ],
        added=[(f"POST {MAKE}", CREATE), events("Audience Entered", "ann@example.org")],
        changed=[LOOK, events("Audience Entered", "ann@work.example")],
        removed=[LOOK, events("Audience Exited", "ann@example.org", "ann@work.example")],
        failing=answer(400, {"error": {"message": "Limit", "code": 4}}),
        failing_url=f"{HOST}/77/events",
    )
]
