from __future__ import annotations

from typing import Any

from destinations.connectors.pinterest_audiences.lists import NOBODY
from destinations.kit.personal import sha256
from destinations.kit.testing import Rule, WorkerCase, answer

HOST = "https://api.pinterest.com/v5/ad_accounts/549"
LIST = f"{HOST}/customer_lists/643"
LOOK = (f"GET {LIST}", None)


def change(operation: str, *emails: str) -> tuple[str, Any]:
    records = ",".join(sha256(email) for email in emails)
    return f"PATCH {LIST}", {"records": records, "operation_type": operation}


CASES = [
    WorkerCase(
        settings={"adAccountId": "549", "oauth_access_token": "tok"},
        responses=[
            Rule(url=f"{HOST}/customer_lists", response=answer(200, {"id": "643"})),
            Rule(url=f"{HOST}/audiences", response=answer(200, {"id": "99"})),
        ],
        added=[
            (f"POST {HOST}/customer_lists", {"name": "VIP", "records": NOBODY, "list_type": "EMAIL"}),
            (
                f"POST {HOST}/audiences",
                {"name": "VIP", "audience_type": "CUSTOMER_LIST", "rule": {"customer_list_id": "643"}},
            ),
            change("ADD", "ann@example.org"),
        ],
        changed=[LOOK, change("ADD", "ann@work.example")],
        removed=[LOOK, change("REMOVE", "ann@example.org", "ann@work.example")],
        failing=answer(429, {"code": 8, "message": "Too many requests"}, x_ratelimit_reset="60"),
        failing_url=LIST,
    )
]
