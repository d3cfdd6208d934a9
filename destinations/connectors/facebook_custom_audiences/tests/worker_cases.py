from __future__ import annotations

from typing import Any

from destinations.connectors.facebook_custom_audiences.personal import COLUMNS
from destinations.kit.personal import sha256
from destinations.kit.testing import Rule, WorkerCase, answer

HOST = "https://graph.facebook.com/v24.0"
MAKE, LIST = f"{HOST}/act_111/customaudiences", f"{HOST}/23851"
LOOK = (f"GET {LIST}?fields=id,name", None)


def people(method: str, *emails: str) -> tuple[str, Any]:
    rows = [["u1", sha256(email), *[""] * 13] for email in emails]
    return f"{method} {LIST}/users", {"payload": {"schema": list(COLUMNS), "data": rows}}


CASES = [
    WorkerCase(
        settings={"retlAdAccountId": "111", "oauth_access_token": "tok"},
        responses=[
            Rule(url=MAKE, response=answer(200, {"id": "23851"})),
            Rule(url=f"{LIST}?", response=answer(200, {"id": "23851", "name": "VIP"})),
        ],
        added=[
            (
                f"POST {MAKE}",
                {"name": "VIP", "subtype": "CUSTOM", "customer_file_source": "BOTH_USER_AND_PARTNER_PROVIDED"},
            ),
            people("POST", "ann@example.org"),
        ],
        changed=[LOOK, people("POST", "ann@work.example")],
        removed=[LOOK, people("DELETE", "ann@example.org", "ann@work.example")],
        failing=answer(400, {"error": {"message": "(#17) User request limit reached", "code": 17}}),
        failing_url=f"{LIST}/users",
    )
]
