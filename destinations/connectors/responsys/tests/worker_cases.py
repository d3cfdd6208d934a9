from __future__ import annotations

from typing import Any

from destinations.kit.testing import Rule, WorkerCase, answer

API, ASYNC = "https://api.rs.example/rest/api/v1.3", "https://api.rs.example/rest/asyncApi/v1.3"
SETTINGS = {
    "username": "u",
    "userPassword": "p",
    "baseUrl": "https://api.rs.example",
    "profileListName": "CONTACTS",
    "profileExtensionTable": "AUDIENCES",
    "insertOnNoMatch": True,
    "matchColumnName1": "CUSTOMER_ID",
    "matchOperator": "NONE",
    "updateOnMatch": "REPLACE_ALL",
    "defaultPermissionStatus": "OPTIN",
}
LOGIN = (f"POST {API}/auth/token", {"user_name": "u", "password": "p", "auth_type": "password"})
POLL = (f"GET {ASYNC}/requests/42", None)
RULE = {
    "insertOnNoMatch": True,
    "updateOnMatch": "REPLACE_ALL",
    "matchColumnName1": "CUSTOMER_ID_",
    "matchOperator": "NONE",
    "defaultPermissionStatus": "OPTIN",
}


def members(*emails: str) -> list[tuple[str, Any]]:
    data = {
        "fieldNames": ["CUSTOMER_ID_", "EMAIL_ADDRESS_"],
        "records": [["u1", email] for email in emails],
        "mapTemplateName": "",
    }
    return [(f"POST {ASYNC}/lists/CONTACTS/members", {"recordData": data, "mergeRule": RULE}), POLL]


def column(member: bool, *emails: str) -> tuple[str, Any]:
    body = {
        "recordData": {
            "fieldNames": ["CUSTOMER_ID_", "EMAIL_ADDRESS_", "VIP"],
            "records": [["u1", email, member] for email in emails],
            "mapTemplateName": "",
        },
        "insertOnNoMatch": True,
        "updateOnMatch": "REPLACE_ALL",
        "matchColumnName1": "CUSTOMER_ID",
        "matchColumnName2": "",
    }
    return f"POST {ASYNC}/lists/CONTACTS/listExtensions/AUDIENCES/members", body


ANN, WORK = "ann@example.org", "ann@work.example"
CASES = [
    WorkerCase(
        settings=SETTINGS,
        kinds=("identify",),
        responses=[
            Rule(url=f"{API}/auth", response=answer(200, {"authToken": "t-1"})),
            Rule(url=f"{ASYNC}/requests", response=answer(200, {"requestId": "42", "status": "SUCCESS"})),
            Rule(url=ASYNC, response=answer(202, {"requestId": "42", "status": "PENDING"})),
        ],
        added=[LOGIN, *members(ANN), column(True, ANN)],
        changed=[*members(WORK), column(True, WORK)],
        removed=[*members(ANN), column(False, ANN), *members(WORK), column(False, WORK)],
        failing=answer(400, {"title": "Limit", "errorCode": "API_LIMIT_EXCEEDED", "detail": "Too many calls."}),
        failing_url=ASYNC,
    ),
]
