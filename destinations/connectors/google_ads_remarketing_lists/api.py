"""The Google Ads API: its address and headers, and what its errors mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from destinations.kit.definition import Context
from destinations.kit.errors import IntegrationError
from destinations.kit.http import HttpError, Response
from destinations.kit.verdicts import LONGEST_RETRY_AFTER, ItemResult, retry_after

HOST = "https://googleads.googleapis.com/v21"
TOKEN_URL = "https://www.googleapis.com/oauth2/v4/token"  # noqa: S105 - an address
BUSY = "CONCURRENT_MODIFICATION"

_NUMBER = re.compile(r"\d{1,20}\Z")
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)s\Z")


def headers(context: Context) -> dict[str, str]:
    found = {
        "Authorization": f"Bearer {context.token.access_token}",
        "developer-token": context.operator.get("developer_token", ""),
    }
    manager = str(context.settings.get("loginCustomerId") or "").replace("-", "").strip()
    return {**found, "login-customer-id": manager} if manager else found


def customer(context: Context) -> str:
    """`customers/1234567890` of the account in the settings."""
    number = str(context.settings.get("customerId") or "").replace("-", "").strip()
    if not _NUMBER.match(number):
        raise IntegrationError(
            "The customer ID in the destination's settings has to be the ten digits of the Google Ads account.",
            code="CUSTOMER_ID_MISSING",
        )
    return f"customers/{number}"


def refusal(error: HttpError, *, busy: int = 429) -> ItemResult:
    """What a refused call means. `busy` is the status of a list that another job is changing."""
    found = list(_errors(_told(error.response).get("details")))
    is_busy = any(BUSY in str(one.get("errorCode")) for one in found)
    return ItemResult(
        status=busy if is_busy else error.status,
        message=sentence(error),
        retry_after=_pause(error.response),
        body=_told(error.response) or None,
    )


def sentence(error: HttpError) -> str:
    """Google's own words, with the codes of its errors."""
    told = _told(error.response)
    found = list(_errors(told.get("details")))
    said = [str(one["message"]) for one in found if one.get("message")] or [str(told.get("message") or "")]
    codes = [str(value) for one in found for value in (one.get("errorCode") or {}).values()]
    text = " ".join(dict.fromkeys(said)).strip()
    if not text:
        return error.message
    return f"Google Ads: {text} ({', '.join(dict.fromkeys(codes))})" if codes else f"Google Ads: {text}"


def refused_operations(response: Response) -> dict[int, str]:
    """Which operations of a call were refused, by their place in it, and why."""
    answer = response.json()
    told = answer.get("partialFailureError") if isinstance(answer, dict) else None
    if not isinstance(told, dict):
        return {}
    found: dict[int, str] = {}
    for one in _errors(told.get("details")):
        for part in (one.get("location") or {}).get("fieldPathElements") or ():
            if part.get("fieldName") == "operations":
                found.setdefault(int(part.get("index") or 0), str(one.get("message") or told.get("message") or ""))
    return found


def _errors(details: Any) -> Iterator[Mapping[str, Any]]:
    for detail in details if isinstance(details, list) else ():
        for one in (detail.get("errors") or ()) if isinstance(detail, dict) else ():
            if isinstance(one, dict):
                yield one


def _told(response: Response) -> dict[str, Any]:
    answer = response.json()
    if isinstance(answer, list) and answer:
        answer = answer[0]
    told = answer.get("error") if isinstance(answer, dict) else None
    return told if isinstance(told, dict) else {}


def _pause(response: Response) -> float | None:
    """Seconds to wait: as usual, else what the quota error asks for."""
    usual = retry_after(response)
    if usual is not None:
        return usual
    for one in _errors(_told(response).get("details")):
        quota = (one.get("details") or {}).get("quotaErrorDetails") or {}
        asked = _SECONDS.match(str(quota.get("retryDelay") or ""))
        if asked:
            return min(float(asked[1]), LONGEST_RETRY_AFTER)
    return None
