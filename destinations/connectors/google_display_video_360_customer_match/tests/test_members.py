from __future__ import annotations

from typing import Any

import pytest

from destinations.connectors.google_display_video_360_customer_match import definition
from destinations.connectors.google_display_video_360_customer_match.members import contact
from destinations.kit.definition import Token
from destinations.kit.http import Response
from destinations.kit.personal import sha256
from destinations.kit.testing import Rule, answer, identify, run_action, run_operation, track

HOST = "https://displayvideo.googleapis.com/v4/firstPartyAndPartnerAudiences"
EDIT = f"POST {HOST}/555:editCustomerMatchMembers"
CONTACTS = {
    "advertiserId": "777",
    "audienceType": "CUSTOMER_MATCH_CONTACT_INFO",
    "membershipDurationDays": "30",
}
DEVICES = {**CONTACTS, "audienceType": "CUSTOMER_MATCH_DEVICE_ID", "appId": "com.shop"}
TOKEN = Token(access_token="tok")
UNTOLD = {"adUserData": "CONSENT_STATUS_UNSPECIFIED", "adPersonalization": "CONSENT_STATUS_UNSPECIFIED"}
# Google: "Format user-provided customer data" (without a dot here), and Meta's for the name.
CLOUDY = "223ebda6f6889b1494551ba902d9d381daf2f642bae055888e96343d53e9f9c4"
MARY = "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec"


def run(*events: dict[str, Any], action: str = "syncAudience", **more: Any) -> Any:
    return run_action(definition, action, token=TOKEN, events=events, as_batch=True, **more)


def enter(user_id: str = "u1", *, entered: bool = True, settings: Any = CONTACTS, **more: Any) -> dict[str, Any]:
    return track(user_id=user_id, entered=entered, list_id="555", audience_settings=settings, **more)


def test_adds_and_removes_go_apart() -> None:
    leaves = enter("u2", entered=False, email="ben@example.org")
    also = identify(user_id="u3", email="cid@example.org", list_id="555", audience_settings=CONTACTS)

    ran = run(enter(email=" CloudySanFrancisco@gmail.com"), leaves, also)

    assert ran.calls == [EDIT, EDIT]
    assert ran.bodies == [
        {
            "advertiserId": "777",
            "addedContactInfoList": {
                "contactInfos": [{"hashedEmails": CLOUDY}, {"hashedEmails": sha256("cid@example.org")}],
                "consent": UNTOLD,
            },
        },
        {
            "advertiserId": "777",
            "removedContactInfoList": {
                "contactInfos": [{"hashedEmails": sha256("ben@example.org")}],
                "consent": UNTOLD,
            },
        },
    ]
    assert ran.requests[0].headers == {
        "Authorization": "Bearer tok",
        "Content-Type": "application/json; charset=utf-8",
    }


def test_contact_data_is_normalized() -> None:
    whole = {
        "phoneNumbers": "020 7946 0000",
        "firstName": " Mary ",
        "lastName": "Poe",
        "zipCodes": "SW1A 1AA",
        "countryCode": "GB",
    }

    assert contact(whole) == {
        "hashedPhoneNumbers": sha256("+442079460000"),
        "zipCodes": "SW1A 1AA",
        "hashedFirstName": MARY,
        "hashedLastName": sha256("poe"),
        "countryCode": "GB",
    }
    assert contact({"emails": CLOUDY.upper(), "zipCodes": "1"}) == {"hashedEmails": CLOUDY}
    assert contact({"zipCodes": "1", "countryCode": "GB"}) == {}


@pytest.mark.parametrize(
    ("action", "member"),
    [
        ("addToAudMobileDeviceId", "addedMobileDeviceIdList"),
        ("removeFromAudMobileDeviceId", "removedMobileDeviceIdList"),
    ],
)
def test_devices_are_sent_as_they_are(action: str, member: str) -> None:
    event = enter(settings=DEVICES, ios_idfa="AEBE-1", entered=action.startswith("add"))

    ran = run(
        event,
        action=action,
        mapping={"ad_user_data_consent": None, "ad_personalization_consent": "DENIED"},
        responses=[answer(200, {"firstPartyAndPartnerAudienceId": "555"})],
    )

    consent = {"adUserData": "CONSENT_STATUS_GRANTED", "adPersonalization": "CONSENT_STATUS_DENIED"}
    assert ran.bodies == [{"advertiserId": "777", member: {"mobileDeviceIds": ["AEBE-1"], "consent": consent}}]
    assert ran.outcomes == ["delivered"]


def test_an_audience_of_devices_has_to_be_confirmed() -> None:
    ran = run(enter(settings=DEVICES, ios_idfa="AEBE-1"), responses=[answer(200, {})])

    assert ran.outcomes == ["INVALID_RESPONSE"]


def test_bad_ones_fail_alone() -> None:
    ran = run(enter(), enter("u2", email=None), enter("u3", vip="true"))

    assert ran.outcomes == ["delivered", "PAYLOAD_VALIDATION_FAILED", "INVALID_AUDIENCE_MEMBERSHIP"]
    assert len(ran.bodies[0]["addedContactInfoList"]["contactInfos"]) == 1


@pytest.mark.parametrize(
    ("response", "outcome", "code"),
    [
        (answer(400, {"error": {"code": 400, "message": "Bad audience"}}), "failed", "400"),
        (answer(429, "", retry_after="7"), "retry", "429"),
        (Response(status=502, body=b"<html>"), "retry", "502"),
        (answer(401, ""), "failed", "INVALID_AUTHENTICATION"),
    ],
)
def test_failures_are_judged(response: Response, outcome: str, code: str) -> None:
    ran = run(enter(), enter("u2", entered=False), responses=[response])

    assert [(one.outcome, one.code) for one in ran.verdicts] == [(outcome, code)] * 2


def test_an_audience_is_made() -> None:
    ran = run_operation(
        definition,
        "create_audience",
        audience_settings=DEVICES,
        responses=[answer(200, {"firstPartyAndPartnerAudienceId": "555"})],
        token=TOKEN,
    )

    assert (ran.result, ran.calls) == ("555", [f"POST {HOST}?advertiserId=777"])
    assert ran.bodies == [
        {
            "displayName": "VIP",
            "audienceType": "CUSTOMER_MATCH_DEVICE_ID",
            "membershipDurationDays": "30",
            "description": "",
            "audienceSource": "AUDIENCE_SOURCE_UNSPECIFIED",
            "firstPartyAndPartnerAudienceType": "TYPE_FIRST_PARTY",
            "appId": "com.shop",
        }
    ]


def test_an_audience_is_looked_up_with_a_fresh_token() -> None:
    ran = run_operation(
        definition,
        "get_audience",
        audience_settings=CONTACTS,
        external_audience_id="555",
        responses=[
            Rule(url="https://www.googleapis.com", response=answer(200, {"access_token": "new"})),
            Rule(url=HOST, response=answer(200, {"firstPartyAndPartnerAudienceId": "555"})),
        ],
        token=Token(access_token="old", refresh_token="r"),
    )

    assert ran.result == "555"
    assert ran.calls[1] == f"GET {HOST}/555?advertiserId=777"
    assert ran.requests[1].headers["Authorization"] == "Bearer new"


@pytest.mark.parametrize("missing", ["advertiserId", "audienceType", "membershipDurationDays", "appId"])
def test_what_is_missing_is_said_before_anything_is_asked(missing: str) -> None:
    told = {key: value for key, value in DEVICES.items() if key != missing}

    ran = run_operation(definition, "create_audience", audience_settings=told, token=TOKEN)

    assert (ran.requests, ran.verdict.code) == ([], "CREATE_AUDIENCE_FAILED")
