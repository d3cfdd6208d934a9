"""Customer lists and the audiences that make them usable.

Pinterest makes an audience of a customer list only once it has looked at the list, which may take a day. So the
external id is the list's alone at first (`643`), and `643:2542620905475` as soon as there is an audience of it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from destinations.kit.definition import Audience, Context, Conversation
from destinations.kit.errors import IntegrationError
from destinations.kit.http import HttpError, Request, json_request
from destinations.kit.personal import sha256

HOST = "https://api.pinterest.com/v5"
TOKEN_URL = f"{HOST}/oauth/token"
# A list cannot be made empty: it begins with the hash of an address that nobody can have.
NOBODY = sha256("nobody@engage.invalid")


def account_url(context: Context) -> str:
    account = str(context.settings.get("adAccountId") or "").strip()
    if not account:
        raise IntegrationError("Give the ad account ID in the destination's settings.", code="AD_ACCOUNT_MISSING")
    return f"{HOST}/ad_accounts/{quote(account, safe='')}"


def list_of(external_id: str) -> str:
    """The customer list's own id."""
    return external_id.partition(":")[0]


def create_audience(context: Context, audience: Audience) -> Conversation:
    body = {"name": audience.name, "records": NOBODY, "list_type": "EMAIL"}
    response = yield json_request("POST", f"{account_url(context)}/customer_lists", body)
    made = _member(response.json(), "id")
    if not made:
        raise IntegrationError("Pinterest did not tell the ID of the new list.", code="CREATE_AUDIENCE_FAILED")
    return (yield from _with_audience(context, audience, made))


def get_audience(context: Context, audience: Audience) -> Conversation:
    """The external id of the list when it is still there; an audience is made of it when there is none yet."""
    external_id = context.external_audience_id
    wanted = list_of(external_id)
    response = yield Request(method="GET", url=f"{account_url(context)}/customer_lists/{quote(wanted, safe='')}")
    if _member(response.json(), "id") != wanted:
        return None
    if external_id != wanted:
        return external_id
    return (yield from _with_audience(context, audience, wanted))


def _with_audience(context: Context, audience: Audience, list_id: str) -> Conversation:
    """The list's id, and that of an audience of it unless Pinterest wants to look at the list first.

    The list is there and can be filled either way; the next run asks again.
    """
    body = {"name": audience.name, "audience_type": "CUSTOMER_LIST", "rule": {"customer_list_id": list_id}}
    try:
        response = yield json_request("POST", f"{account_url(context)}/audiences", body)
    except HttpError as error:
        if error.status == 401:
            raise
        return list_id
    made = _member(response.json(), "id")
    return f"{list_id}:{made}" if made else list_id


def test_connection(context: Context) -> Request:
    """Read the ad account."""
    return Request(method="GET", url=account_url(context))


def sentence(error: HttpError) -> str:
    """What Pinterest said of a refused call; "" when it said nothing that can be read."""
    said = _member(error.response.json(), "message")
    return f"Pinterest: {said}" if said else ""


def _member(answer: Any, name: str) -> str:
    return str(answer.get(name) or "") if isinstance(answer, dict) else ""
