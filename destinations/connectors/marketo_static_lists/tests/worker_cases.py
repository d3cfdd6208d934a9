from __future__ import annotations

from typing import Any
from urllib.parse import quote

from destinations.kit.testing import Rule, WorkerCase, answer

HOST = "https://123-abc-456.mktorest.com"
TOKEN = f"{HOST}/identity/oauth/token"
LISTS, FOLDERS = f"{HOST}/rest/asset/v1/staticList", f"{HOST}/rest/asset/v1/folder"
IMPORT, LEADS = f"{HOST}/bulk/v1/leads.json", f"{HOST}/rest/v1/leads.json"
FORM = {"client_id": "c", "client_secret": "s", "grant_type": "client_credentials"}


def ok(*result: Any) -> Any:
    return answer(200, {"success": True, "result": list(result)})


def added(email: str) -> tuple[str, Any]:
    body = (
        '----SEGMENT-DATA--\r\nContent-Disposition: form-data; name="file"; filename="leads.csv"\r\n'
        f"Content-Type: text/csv\r\n\r\nemail\n{email}\r\n----SEGMENT-DATA----\r\n"
    )
    return f"POST {IMPORT}?format=csv&listId=1312&lookupField=email", body


FOUND = (f"GET {LISTS}/1312.json", None)
BOTH = quote("ann@example.org,ann@work.example")
CASES = [
    WorkerCase(
        settings={"client_id": "c", "client_secret": "s", "api_endpoint": HOST, "folder_name": "Engage"},
        kinds=("track",),
        responses=[
            Rule(url=TOKEN, response=answer(200, {"access_token": "t"})),
            Rule(url=FOLDERS, response=ok({"id": 12})),
            Rule(url=LISTS, response=ok({"id": 1312})),
            Rule(url=LEADS, response=ok({"id": 7, "email": "ann@example.org"}, {"id": 8, "email": "ann@work.example"})),
            Rule(response=ok()),
        ],
        added=[
            (f"POST {TOKEN}", FORM),
            (f"GET {FOLDERS}/byName.json?name=Engage", None),
            (f"POST {LISTS}s.json?folder=12&name=VIP", None),
            added("ann@example.org"),
        ],
        changed=[FOUND, added("ann@work.example")],
        removed=[
            FOUND,
            (f"GET {LEADS}?filterType=email&filterValues={BOTH}", None),
            (f"DELETE {HOST}/rest/v1/lists/1312/leads.json?id=7,8", None),
        ],
        failing=answer(200, {"success": False, "errors": [{"code": "1016", "message": "Too many imports queued"}]}),
        failing_url=IMPORT,
    )
]
