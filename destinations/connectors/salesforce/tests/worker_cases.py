from __future__ import annotations

from typing import Any
from urllib.parse import quote

from destinations.kit.testing import Rule, WorkerCase, answer

HOST = "https://acme.my.salesforce.com"
API = f"{HOST}/services/data/v53.0"
SETTINGS = {"instanceUrl": HOST, "oauth_access_token": "t", "oauth_refresh_token": "r"}


def calls(email: str, value: bool) -> list[tuple[str, Any]]:
    query = f"SELECT Id FROM Contact WHERE Email = '{email}'"
    return [
        (f"GET {API}/query/?q={quote(query, safe=chr(39))}", None),
        (f"PATCH {API}/sobjects/Contact/003A", {"Email": email, "vip__c": value}),
    ]


FOUND = Rule(url=f"{API}/query", response=answer(200, {"totalSize": 1, "records": [{"Id": "003A"}]}))
CASES = [
    WorkerCase(
        settings=SETTINGS,
        kinds=("identify",),
        responses=[FOUND],
        added=calls("ann@example.org", True),
        changed=calls("ann@work.example", True),
        removed=[*calls("ann@example.org", False), *calls("ann@work.example", False)],
        failing=answer(403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]),
    ),
    WorkerCase(
        name="refused",
        settings=SETTINGS,
        kinds=("identify",),
        responses=[FOUND],
        added=calls("ann@example.org", True),
        changed=calls("ann@work.example", True),
        removed=[*calls("ann@example.org", False), *calls("ann@work.example", False)],
        failing=answer(400, [{"errorCode": "INVALID_FIELD", "message": "No such column 'vip__c' on Contact"}]),
        failing_url=f"{API}/sobjects",
        retried=False,
    ),
]
