"""First-party audiences of Display & Video 360: making one, and looking whether it is still there."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from destinations.kit.auth import asked, oauth_client, read_token
from destinations.kit.definition import Audience, Context, Conversation
from destinations.kit.errors import IntegrationError, InvalidAuthenticationError
from destinations.kit.http import HttpError, Request, form_request, json_request

HOST = "https://displayvideo.googleapis.com/v4"
AUDIENCES = f"{HOST}/firstPartyAndPartnerAudiences"
TOKEN_URL = "https://www.googleapis.com/oauth2/v4/token"  # noqa: S105 - an address
FORM = "application/x-www-form-urlencoded;charset=UTF-8"
HEADERS = {"Content-Type": "application/json; charset=utf-8"}
DEVICES = "CUSTOMER_MATCH_DEVICE_ID"
CREATE_FAILED, GET_FAILED = "CREATE_AUDIENCE_FAILED", "GET_AUDIENCE_FAILED"


def create_audience(context: Context, audience: Audience) -> Conversation:
    settings = context.audience_settings
    advertiser, kind = _advertiser(context, CREATE_FAILED), str(settings.get("audienceType") or "")
    days, app_id = str(settings.get("membershipDurationDays") or ""), str(settings.get("appId") or "")
    if not kind or not days:
        raise IntegrationError("Say what the audience matches by, and how many days people stay.", code=CREATE_FAILED)
    if kind == DEVICES and not app_id:
        raise IntegrationError("Give the app ID that the mobile advertising IDs belong to.", code=CREATE_FAILED)
    body: dict[str, Any] = {
        "displayName": audience.name,
        "audienceType": kind,
        "membershipDurationDays": days,
        "description": str(settings.get("description") or ""),
        "audienceSource": "AUDIENCE_SOURCE_UNSPECIFIED",
        "firstPartyAndPartnerAudienceType": "TYPE_FIRST_PARTY",
    }
    if app_id:
        body["appId"] = app_id
    fresh = yield from _fresh(context)
    request = json_request("POST", f"{AUDIENCES}?advertiserId={advertiser}", body, {**HEADERS, **fresh})
    made = yield from _id_of(request, CREATE_FAILED)
    if not made:
        raise IntegrationError("Google did not tell the ID of the new audience.", code=CREATE_FAILED)
    return made


def get_audience(context: Context, audience: Audience) -> Conversation:
    advertiser, wanted = _advertiser(context, GET_FAILED), context.external_audience_id
    url = f"{AUDIENCES}/{quote(wanted, safe='')}?advertiserId={advertiser}"
    fresh = yield from _fresh(context)
    found = yield from _id_of(Request(method="GET", url=url, headers={**HEADERS, **fresh}), GET_FAILED)
    return found if found == wanted else None


def audience_id(answer: Any) -> str:
    return str(answer.get("firstPartyAndPartnerAudienceId") or "") if isinstance(answer, dict) else ""


def sentence(error: HttpError) -> str:
    """What Google said of a refused call; "" when it said nothing that can be read."""
    answer = error.response.json()
    told = answer.get("error") if isinstance(answer, dict) else None
    said = str(told.get("message") or "") if isinstance(told, dict) else ""
    return f"Display & Video 360: {said}" if said else ""


def _advertiser(context: Context, code: str) -> str:
    found = str(context.audience_settings.get("advertiserId") or "").strip()
    if not found:
        raise IntegrationError("Give the advertiser ID in the audience's settings.", code=code)
    return quote(found, safe="")


def _id_of(request: Request, code: str) -> Conversation:
    try:
        response = yield request
    except HttpError as error:
        if error.status == 401:
            raise
        raise IntegrationError(sentence(error) or error.message, code=code, status=error.status) from error
    return audience_id(response.json())


def _fresh(context: Context) -> Conversation:
    """Audiences are looked after with a fresh token: tokens live for an hour, and lists are synced hourly."""
    token = context.token
    if not token.refresh_token:
        return {}
    client_id, client_secret = oauth_client(context)
    form = {
        "refresh_token": token.refresh_token,
        "client_id": client_id,
        "client_secret": client_secret,
        "grant_type": "refresh_token",
    }
    try:
        renewed = read_token((yield from asked(form_request(TOKEN_URL, form, content_type=FORM))))
    except InvalidAuthenticationError:
        if not token.access_token:
            raise
        # The token there is may still be good; when it is not, the call itself says so.
        return {}
    return {"Authorization": f"Bearer {renewed.access_token}"}
