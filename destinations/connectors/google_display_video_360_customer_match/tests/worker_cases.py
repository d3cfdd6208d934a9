from __future__ import annotations

from typing import Any

from destinations.kit.personal import sha256
from destinations.kit.testing import Rule, WorkerCase, answer

HOST = "https://displayvideo.googleapis.com/v4/firstPartyAndPartnerAudiences"
LOOK = (f"GET {HOST}/555?advertiserId=777", None)
CREATE = {
    "displayName": "VIP",
    "audienceType": "CUSTOMER_MATCH_CONTACT_INFO",
    "membershipDurationDays": "540",
    "description": "",
    "audienceSource": "AUDIENCE_SOURCE_UNSPECIFIED",
    "firstPartyAndPartnerAudienceType": "TYPE_FIRST_PARTY",
}


def edit(member: str, *emails: str) -> tuple[str, Any]:
    people = {
        "contactInfos": [{"hashedEmails": sha256(email)} for email in emails],
        "consent": {
            "adUserData": "CONSENT_STATUS_UNSPECIFIED",
            "adPersonalization": "CONSENT_STATUS_UNSPECIFIED",
        },
    }
    return f"POST {HOST}/555:editCustomerMatchMembers", {"advertiserId": "777", member: people}


CASES = [
    WorkerCase(
        settings={"oauth_access_token": "tok"},
        audience_settings={
            "advertiserId": "777",
            "audienceType": "CUSTOMER_MATCH_CONTACT_INFO",
            "membershipDurationDays": "540",
        },
        responses=[Rule(url=HOST, response=answer(200, {"firstPartyAndPartnerAudienceId": "555"}))],
        added=[(f"POST {HOST}?advertiserId=777", CREATE), edit("addedContactInfoList", "ann@example.org")],
        changed=[LOOK, edit("addedContactInfoList", "ann@work.example")],
        removed=[LOOK, edit("removedContactInfoList", "ann@example.org", "ann@work.example")],
        failing=answer(503, {"error": {"code": 503, "message": "Backend error"}}),
        failing_url=f"{HOST}/555:edit",
    )
]
