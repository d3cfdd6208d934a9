from __future__ import annotations

from typing import Any

from destinations.kit.testing import Rule, WorkerCase, answer

API, ASYNC = "https://api.rs.example/rest/api/v1.3", "https://api.rs.example/rest/asyncApi/v1.3"
SETTINGS = {
    "username": "u",
    "userPassword": "p",
    "baseUrl": "https://api.rs.example/",
    "profileListName": "CONTACTS",
    "defaultFolderName": "Engage",
    "insertOnNoMatch": True,
    "matchColumnName1": "EMAIL_ADDRESS",
    "matchOperator": "NONE",
    "updateOnMatch": "REPLACE_ALL",
    "defaultPermissionStatus": "OPTOUT",
}
LOGIN = (f"POST {API}/auth/token", {"user_name": "u", "password": "p", "auth_type": "password"})
LISTING = (f"GET {API}/lists/CONTACTS/listExtensions", None)
RULE = {
    "insertOnNoMatch": True,
    "updateOnMatch": "REPLACE_ALL",
    "matchColumnName1": "EMAIL_ADDRESS_",
    "matchOperator": "NONE",
    "defaultPermissionStatus": "OPTOUT",
}
POLL = (f"GET {ASYNC}/requests/42", None)


def members(email: str) -> tuple[str, Any]:
    data = {"fieldNames": ["EMAIL_ADDRESS_", "CUSTOMER_ID_"], "records": [[email, "u1"]], "mapTemplateName": ""}
    return f"POST {ASYNC}/lists/CONTACTS/members", {"recordData": data, "mergeRule": RULE}


def flags(flag: str) -> tuple[str, Any]:
    body = {
        "recordData": {"fieldNames": ["CUSTOMER_ID_", "vip"], "records": [["u1", flag]], "mapTemplateName": None},
        "insertOnNoMatch": True,
        "updateOnMatch": "REPLACE_ALL",
        "matchColumnName1": "CUSTOMER_ID",
    }
    return f"POST {ASYNC}/lists/CONTACTS/listExtensions/vip/members", body


CASES = [
    WorkerCase(
        settings=SETTINGS,
        responses=[
            Rule(url=f"{API}/auth", response=answer(200, {"authToken": "t-1", "endPoint": "https://api.rs.example"})),
            Rule(
                url=f"{API}/lists",
                method="GET",
                response=answer(200, [{"profileExtension": {"objectName": "vip", "folderName": "Engage"}}]),
            ),
            Rule(url=f"{ASYNC}/requests", response=answer(200, {"requestId": "42", "status": "SUCCESS"})),
            Rule(url=ASYNC, response=answer(202, {"requestId": "42", "status": "PENDING"})),
        ],
        added=[LOGIN, LISTING, members("ann@example.org"), POLL, flags("1"), POLL],
        changed=[LISTING, members("ann@work.example"), POLL, flags("1"), POLL],
        removed=[LISTING, members("ann@work.example"), POLL, flags("0"), POLL],
        failing=answer(400, {"title": "Limit", "errorCode": "API_LIMIT_EXCEEDED", "detail": "Too many calls."}),
        failing_url=ASYNC,
    ),
]
