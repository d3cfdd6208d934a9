"""Marketo's REST API: its hosts, its token, and answers of 200 that say they failed. Both Marketo connectors use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from destinations.kit import auth
from destinations.kit.auth import Auth
from destinations.kit.definition import Context, Conversation
from destinations.kit.errors import DeliveryError, IntegrationError, InvalidAuthenticationError, RetryableError
from destinations.kit.http import Request, checked_url

TOKEN_CODES = frozenset({601, 602})
# What another try does not change. All other codes (timeouts, quotas, full queues) pass by themselves.
PERMANENT_CODES = frozenset(
    {603, 605, 609, 610, 612, 613, 616, *range(701, 705), *range(709, 713), 714, 718, *range(1001, 1016), 1017, 1018}
    | {1021, 1022, *range(1025, 1029), *range(1035, 1038), 1042, 1048, 1049, *range(1076, 1080)}
)
NOT_FOUND = 702


class MarketoError(IntegrationError):
    """Marketo refused the call for good; `number` is its code, 0 when it gave none."""

    code = "MARKETO_ERROR"

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number


def host(context: Context) -> str:
    """The instance without the `/rest` that Marketo's own pages show behind it."""
    return checked_url(str(context.settings.get("api_endpoint") or ""), "api_endpoint").replace("/rest", "").rstrip("/")


def sign_in() -> Auth:
    """A token for the client, asked for when a call is answered 601 or 602."""
    return auth.client_credentials(
        lambda context: f"{host(context)}/identity/oauth/token",
        lambda context: {
            "client_id": str(context.settings.get("client_id") or ""),
            "client_secret": str(context.settings.get("client_secret") or ""),
            "grant_type": "client_credentials",
        },
    )


def ask(request: Request) -> Conversation:
    """The answer as an object, when it says `success`. Otherwise the error of its code (spec: marketo, "Answers")."""
    response = yield request
    answer = response.json()
    if isinstance(answer, dict) and answer.get("success") is True:
        return answer
    raise _error(answer if isinstance(answer, dict) else {})


def first_result(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The first member of `result`; empty when there is none."""
    found = answer.get("result")
    first = found[0] if isinstance(found, list) and found else None
    return first if isinstance(first, dict) else {}


def reason(result: Mapping[str, Any]) -> tuple[int, str]:
    """Code and message of a record that was skipped."""
    reasons = result.get("reasons")
    first = reasons[0] if isinstance(reasons, list) and reasons and isinstance(reasons[0], dict) else {}
    return _number(first.get("code")), str(first.get("message") or "Marketo skipped the record without a reason.")


def status_of(number: int) -> int:
    """The status that a code amounts to: 400 for good, 500 for another try."""
    return 400 if number in PERMANENT_CODES else 500


def _error(answer: Mapping[str, Any]) -> DeliveryError:
    errors = answer.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    number, message = _number(first.get("code")), str(first.get("message") or "Marketo failed without details.")
    said = f"{message} (Marketo error {number})" if number else message
    if number in TOKEN_CODES:
        return InvalidAuthenticationError(said)
    return MarketoError(said, number) if number in PERMANENT_CODES else RetryableError(said)


def _number(code: Any) -> int:
    text = str(code)
    return int(text) if text.isascii() and text.isdigit() else 0
