"""Lists at Google's audience partner API, made for the customer in the name of the data partner."""

from __future__ import annotations

import re
from typing import Any

from destinations.kit.auth import asked, read_token
from destinations.kit.definition import Audience, Context, Conversation
from destinations.kit.errors import IntegrationError
from destinations.kit.http import HttpError, form_request, json_request

HOST = "https://audiencepartner.googleapis.com/v2"
TOKEN_URL = "https://accounts.google.com/o/oauth2/token"  # noqa: S105 - an address
FORM = "application/x-www-form-urlencoded;charset=UTF-8"
LIFE_SPAN_DAYS = "540"
CREATE_FAILED, GET_FAILED = "CREATE_AUDIENCE_FAILED", "GET_AUDIENCE_FAILED"
_ID = re.compile(r"\d{1,20}\Z")
_TYPES = ("DISPLAY_VIDEO_ADVERTISER", "DISPLAY_VIDEO_PARTNER", "GOOGLE_AD_MANAGER")
LIST = re.compile(r"products/[A-Z_]+/customers/\d+/userLists/(\d{1,18})\Z")


def create_audience(context: Context, audience: Audience) -> Conversation:
    """The resource name of a new list."""
    linked = _linked(context, CREATE_FAILED)
    if not audience.name:
        raise IntegrationError("The audience needs a name.", code=CREATE_FAILED)
    create = {
        "basicUserList": {},
        "type": "REMARKETING",
        "membershipStatus": "OPEN",
        "name": audience.name,
        "description": "Made by Engage Admin",
        "membershipLifeSpan": LIFE_SPAN_DAYS,
    }
    body = {"operations": [{"create": create}]}
    answer = yield from _asked(context, linked, "userLists:mutate", body, CREATE_FAILED)
    results = answer.get("results") if isinstance(answer, dict) else None
    name = results[0].get("resourceName") if isinstance(results, list) and results else None
    if not name:
        raise IntegrationError("Google did not tell the name of the new list.", code=CREATE_FAILED)
    return str(name)


def get_audience(context: Context, audience: Audience) -> Conversation:
    """The resource name of the list when it is still there."""
    linked, wanted = _linked(context, GET_FAILED), context.external_audience_id
    if not LIST.match(wanted):
        raise IntegrationError(f"{wanted!r} is no list of Display & Video 360.", code=GET_FAILED)
    query = (
        "SELECT user_list.name, user_list.description, user_list.membership_status, user_list.match_rate_percentage "  # noqa: S608 - checked above
        f'FROM user_list WHERE user_list.resource_name = "{wanted}"'
    )
    answer = yield from _asked(context, linked, "audiencePartner:searchStream", {"query": query}, GET_FAILED)
    pages = answer if isinstance(answer, list) else []
    found = [
        (row.get("userList") or {}).get("resourceName")
        for page in pages
        if isinstance(page, dict)
        for row in page.get("results") or ()
    ]
    return wanted if wanted in found else None


def _linked(context: Context, code: str) -> str:
    """`products/…/customers/…` of the customer's account."""
    settings = context.audience_settings
    account, kind = str(settings.get("advertiserId") or "").strip(), str(settings.get("accountType") or "")
    if not _ID.match(account):
        raise IntegrationError("Give the advertiser ID, a number, in the audience's settings.", code=code)
    if kind not in _TYPES:
        raise IntegrationError("Choose the account type in the audience's settings.", code=code)
    return f"products/{kind}/customers/{account}"


def _asked(context: Context, linked: str, what: str, body: dict[str, Any], code: str) -> Conversation:
    operator = context.operator
    missing = [name for name in ("refresh_token", "oauth_client_id", "partner_id") if not operator.get(name)]
    if missing:
        raise IntegrationError(
            f"The operator of this installation has not given the data partner's {missing[0]}. Without a data partner "
            "agreement use Google Display & Video 360 Customer Match.",
            code="PARTNER_MISSING",
        )
    form = {
        "refresh_token": operator["refresh_token"],
        "client_id": operator["oauth_client_id"],
        "client_secret": operator.get("oauth_client_secret", ""),
        "grant_type": "refresh_token",
    }
    token = read_token((yield from asked(form_request(TOKEN_URL, form, content_type=FORM))))
    headers = {
        "Authorization": f"Bearer {token.access_token}",
        "Login-Customer-Id": f"products/DATA_PARTNER/customers/{operator['partner_id']}",
        "Linked-Customer-Id": linked,
    }
    try:
        response = yield json_request("POST", f"{HOST}/{linked}/{what}", body, headers)
    except HttpError as error:
        raise IntegrationError(_sentence(error), code=code, status=error.status) from error
    return response.json()


def _sentence(error: HttpError) -> str:
    answer = error.response.json()
    first = answer[0] if isinstance(answer, list) and answer else answer
    told = first.get("error") if isinstance(first, dict) else None
    said = str(told.get("message") or "") if isinstance(told, dict) else ""
    if error.status in (401, 403):
        return f"Google refuses access to the account. Link it with the data partner first. {said}".strip()
    return f"Google: {said}" if said else error.message
