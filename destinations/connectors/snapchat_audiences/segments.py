"""Segments themselves: making one, and looking whether it is still there; what Snapchat's errors mean."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from destinations.kit.definition import Audience, Context, Conversation
from destinations.kit.errors import IntegrationError
from destinations.kit.http import HttpError, Request, json_request

HOST = "https://adsapi.snapchat.com/v1"
TOKEN_URL = "https://accounts.snapchat.com/login/oauth2/access_token"  # noqa: S105 - an address
FOREVER = 9999


def create_audience(context: Context, audience: Audience) -> Conversation:
    """The id of a new segment in the ad account."""
    account = str(context.settings.get("ad_account_id") or "").strip()
    settings = context.audience_settings
    name = str(settings.get("customAudienceName") or audience.name)
    if not account or not name:
        missing = "ad account ID in the destination's settings" if not account else "name of the audience"
        raise IntegrationError(f"Give the {missing}.", code="CREATE_AUDIENCE_FAILED")
    days = settings.get("retention_in_days") or FOREVER
    segment = {
        "name": name,
        "source_type": "FIRST_PARTY",
        "ad_account_id": account,
        "description": str(settings.get("description") or ""),
        "retention_in_days": int(days),
    }
    response = yield json_request(
        "POST", f"{HOST}/adaccounts/{quote(account, safe='')}/segments", {"segments": [segment]}
    )
    made = _segment(response.json())
    if not made.get("id"):
        raise IntegrationError(
            f"Snapchat made no segment. {_reason(response.json())}".strip(), code="CREATE_AUDIENCE_FAILED"
        )
    return str(made["id"])


def get_audience(context: Context, audience: Audience) -> Conversation:
    """The id of the segment when it is still there."""
    wanted = context.external_audience_id
    response = yield Request(method="GET", url=f"{HOST}/segments/{quote(wanted, safe='')}")
    found = str(_segment(response.json()).get("id") or "")
    return found if found == wanted else None


def test_connection(context: Context) -> Request:
    """Read the ad account."""
    account = quote(str(context.settings["ad_account_id"]).strip(), safe="")
    return Request(method="GET", url=f"{HOST}/adaccounts/{account}")


def sentence(error: HttpError) -> str:
    """What Snapchat said of a refused call; "" when it said nothing that can be read."""
    answer = error.response.json()
    if not isinstance(answer, dict):
        return ""
    said = str(answer.get("display_message") or answer.get("debug_message") or _reason(answer) or "")
    return f"Snapchat: {said}" if said else ""


def _segment(answer: Any) -> dict[str, Any]:
    segments = answer.get("segments") if isinstance(answer, dict) else None
    first = segments[0] if isinstance(segments, list) and segments and isinstance(segments[0], dict) else {}
    found = first.get("segment")
    return found if isinstance(found, dict) else {}


def _reason(answer: Any) -> str:
    segments = answer.get("segments") if isinstance(answer, dict) else None
    first = segments[0] if isinstance(segments, list) and segments and isinstance(segments[0], dict) else {}
    return str(first.get("sub_request_error_reason") or "")
