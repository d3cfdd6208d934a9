from __future__ import annotations

from typing import Any

from destinations.kit.personal import sha256
from destinations.kit.testing import Rule, WorkerCase, answer

HOST = "https://googleads.googleapis.com/v21/customers/1234567890"
MAKE, JOB = f"{HOST}/offlineUserDataJobs:create", f"{HOST}/offlineUserDataJobs/55"
LOOK = (
    f"POST {HOST}/googleAds:search",
    {"query": "SELECT user_list.id, user_list.name FROM user_list where user_list.id = '7566'"},
)


def job(operation: str, *emails: str) -> list[tuple[str, Any]]:
    consent = {"adUserData": "GRANTED", "adPersonalization": "DENIED"}
    about = {"userList": "customers/1234567890/userLists/7566", "consent": consent}
    operations = [{operation: {"userIdentifiers": [{"hashedEmail": sha256(email)}]}} for email in emails]
    return [
        (f"POST {MAKE}", {"job": {"type": "CUSTOMER_MATCH_USER_LIST", "customerMatchUserListMetadata": about}}),
        (f"POST {JOB}:addOperations", {"operations": operations, "enablePartialFailure": True}),
        (f"POST {JOB}:run", None),
    ]


CREATE = {"crmBasedUserList": {"uploadKeyType": "CONTACT_INFO"}, "membershipLifeSpan": "540", "name": "VIP"}
NEW_LIST = (f"POST {HOST}/userLists:mutate", {"operations": [{"create": CREATE}]})
CASES = [
    WorkerCase(
        settings={
            "customerId": "123-456-7890",
            "oauth_access_token": "tok",
            "adUserDataConsent": "GRANTED",
            "adPersonalizationConsent": "DENIED",
        },
        audience_settings={"external_id_type": "CONTACT_INFO"},
        operator={"developer_token": "dev"},
        responses=[
            Rule(url=f"{HOST}/userLists", response=answer(200, {"results": [{"resourceName": "x/userLists/7566"}]})),
            Rule(url=f"{HOST}/googleAds", response=answer(200, {"results": [{"userList": {"id": "7566"}}]})),
            Rule(url=MAKE, response=answer(200, {"resourceName": "customers/1234567890/offlineUserDataJobs/55"})),
        ],
        added=[
            (f"POST {HOST}/userLists:mutate", {"operations": [{"create": CREATE}]}),
            *job("create", "ann@example.org"),
        ],
        changed=[LOOK, *job("create", "ann@work.example")],
        removed=[LOOK, *job("remove", "ann@example.org", "ann@work.example")],
        failing=answer(503, "<html>busy</html>"),
        failing_url=MAKE,
    )
]
