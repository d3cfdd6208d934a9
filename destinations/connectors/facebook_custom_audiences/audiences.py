"""Custom audiences themselves: making one, and looking whether it is still there."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from destinations.connectors.facebook_custom_audiences.graph import HOST, account_path, refusal
from destinations.kit.definition import Audience, Context, Conversation
from destinations.kit.errors import IntegrationError
from destinations.kit.http import HttpError, Request, json_request
from destinations.kit.verdicts import ItemResult

CREATE_FAILED, GET_FAILED = "CREATE_AUDIENCE_FAILED", "GET_AUDIENCE_FAILED"


def create_audience(context: Context, audience: Audience) -> Conversation:
    return (yield from create(context, audience.name, str(context.audience_settings.get("audienceDescription") or "")))


def create(context: Context, name: str, description: str = "") -> Conversation:
    """Returns the id of a new custom audience in the ad account."""
    account = str(
        context.audience_settings.get("engageAdAccountId") or context.settings.get("retlAdAccountId") or ""
    ).strip()
    if not account:
        raise IntegrationError("Give the ad account ID in the settings of the destination.", code=CREATE_FAILED)
    if not name:
        raise IntegrationError("The audience needs a name.", code=CREATE_FAILED)
    body: dict[str, Any] = {
        "name": name,
        "subtype": "CUSTOM",
        "customer_file_source": "BOTH_USER_AND_PARTNER_PROVIDED",
    }
    if description:
        body["description"] = description
    return (yield from created(account, body))


def created(account: str, body: dict[str, Any]) -> Conversation:
    """Ask for an audience of this shape; returns its id."""
    try:
        response = yield json_request("POST", f"{HOST}/{quote(account_path(account), safe='')}/customaudiences", body)
    except HttpError as error:
        raise _as_error(refusal(error), CREATE_FAILED) from error
    answer = response.json()
    if not isinstance(answer, dict) or not answer.get("id"):
        raise IntegrationError("Facebook did not tell the ID of the new audience.", code=CREATE_FAILED)
    return str(answer["id"])


def get_audience(context: Context, audience: Audience) -> Conversation:
    return (yield from found(context.external_audience_id))["id"]


def found(audience_id: str) -> Conversation:
    """`{"id", "name"}` of an audience that is there."""
    try:
        response = yield json_request("GET", f"{HOST}/{quote(audience_id, safe='')}?fields=id,name")
    except HttpError as error:
        raise _as_error(refusal(error), GET_FAILED) from error
    answer = response.json()
    answered = str(answer.get("id") or "") if isinstance(answer, dict) else ""
    if answered != audience_id:
        raise IntegrationError(
            f"Facebook answered for the audience {answered or '(none)'} instead of {audience_id}. "
            "Connect the destination anew to make another audience.",
            code=GET_FAILED,
        )
    return {"id": answered, "name": str(answer.get("name") or "")}


def test_connection(context: Context) -> Request:
    """Read the ad account."""
    account = quote(account_path(str(context.settings["retlAdAccountId"])), safe="")
    return Request(method="GET", url=f"{HOST}/{account}?fields=id,name")


def _as_error(result: ItemResult, code: str) -> IntegrationError:
    """What was refused for good is a 400 whatever its status was, so that it is not mistaken for a missing list."""
    status = result.status if result.verdict().outcome == "retry" else 400
    return IntegrationError(result.message, code=code, status=status)
