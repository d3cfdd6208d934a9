"""Customer match lists themselves: making one, and looking whether it is still there."""

from __future__ import annotations

from typing import Any

from destinations.connectors.google_ads_remarketing_lists.api import HOST, TOKEN_URL, customer, refusal
from destinations.kit.auth import asked, oauth_client, read_token
from destinations.kit.definition import Audience, Context, Conversation
from destinations.kit.errors import IntegrationError, InvalidAuthenticationError
from destinations.kit.http import HttpError, Request, form_request, json_request

CREATE_FAILED, GET_FAILED = "CREATE_AUDIENCE_FAILED", "GET_AUDIENCE_FAILED"
LIFE_SPAN_DAYS = "540"
FORM = "application/x-www-form-urlencoded;charset=UTF-8"
# The external id of an audience that is used for conversions and has no list.
NO_LIST = "segment"


def create_audience(context: Context, audience: Audience) -> Conversation:
    """The number of a new customer match list."""
    settings = context.audience_settings
    if settings.get("supports_conversions") is True:
        return NO_LIST
    kind = str(settings.get("external_id_type") or "CONTACT_INFO")
    app_id = str(settings.get("app_id") or "")
    if not audience.name:
        raise IntegrationError("The audience needs a name.", code=CREATE_FAILED)
    if kind == "MOBILE_ADVERTISING_ID" and not app_id:
        raise IntegrationError("Give the app ID that the mobile advertising IDs belong to.", code=CREATE_FAILED)
    account = customer(context)
    match: dict[str, Any] = {"uploadKeyType": kind}
    if app_id:
        match["appId"] = app_id
    create = {"crmBasedUserList": match, "membershipLifeSpan": LIFE_SPAN_DAYS, "name": audience.name}
    answer = yield from _asked(context, f"{HOST}/{account}/userLists:mutate", {"operations": [{"create": create}]})
    name = str(_first(answer).get("resourceName") or "")
    if not name:
        raise IntegrationError("Google Ads did not tell the ID of the new list.", code=CREATE_FAILED)
    return name.rpartition("/")[2]


def get_audience(context: Context, audience: Audience) -> Conversation:
    """The number of the list when it is still there."""
    wanted = context.external_audience_id
    if wanted == NO_LIST or context.audience_settings.get("supports_conversions") is True:
        return wanted
    account = customer(context)
    if not wanted.isdigit():
        raise IntegrationError(f"{wanted!r} is no ID of a list of Google Ads.", code=GET_FAILED)
    query = f"SELECT user_list.id, user_list.name FROM user_list where user_list.id = '{wanted}'"  # noqa: S608 - digits
    answer = yield from _asked(context, f"{HOST}/{account}/googleAds:search", {"query": query})
    found = str((_first(answer).get("userList") or {}).get("id") or "")
    return found if found == wanted else None


def test_connection(context: Context) -> Request:
    """Read the account's own id."""
    return json_request(
        "POST", f"{HOST}/{customer(context)}/googleAds:search", {"query": "SELECT customer.id FROM customer LIMIT 1"}
    )


def _asked(context: Context, url: str, body: dict[str, Any]) -> Conversation:
    """The answer, asked with a fresh token: lists are looked after every few hours, tokens live for one."""
    headers = yield from _fresh(context)
    try:
        response = yield json_request("POST", url, body, headers)
    except HttpError as error:
        if error.status == 401:
            raise
        result = refusal(error)
        code = CREATE_FAILED if url.endswith("mutate") else GET_FAILED
        raise IntegrationError(result.message, code=code, status=result.status) from error
    return response.json()


def _fresh(context: Context) -> Conversation:
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


def _first(answer: Any) -> dict[str, Any]:
    results = answer.get("results") if isinstance(answer, dict) else None
    return results[0] if isinstance(results, list) and results and isinstance(results[0], dict) else {}
