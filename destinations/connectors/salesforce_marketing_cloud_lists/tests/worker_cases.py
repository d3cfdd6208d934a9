from __future__ import annotations

from typing import Any

from destinations.kit.testing import Rule, WorkerCase, answer

AUTH, REST = "https://mc1.auth.marketingcloudapis.com", "https://mc1.rest.marketingcloudapis.com"
TOKEN = (
    f"POST {AUTH}/v2/token",
    {"account_id": "900", "client_id": "ci", "client_secret": "cs", "grant_type": "client_credentials"},
)
SETTINGS = {"subdomain": "mc1", "account_id": "900", "client_id": "ci", "client_secret": "cs"}


def rows(email: str, *, member: bool) -> tuple[str, Any]:
    row = {"keys": {"contactKey": "u1"}, "values": {"EmailAddress": email, "Vip": member}}
    return f"POST {REST}/hub/v1/dataevents/key:VIPS/rowset", [row]


CASES = [
    WorkerCase(
        settings=SETTINGS,
        audience_settings={"data_extension_key": "VIPS"},
        responses=[Rule(url=AUTH, response=answer(200, {"access_token": "t-1"}))],
        added=[TOKEN, rows("ann@example.org", member=True)],
        changed=[rows("ann@work.example", member=True)],
        removed=[rows("ann@work.example", member=False)],
        failing=answer(500, {"message": "Internal error"}),
    ),
]
