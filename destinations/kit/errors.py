"""Why a call failed, and which failures are tried again (spec: connectors, section 5)."""

from __future__ import annotations

from http import HTTPStatus

RETRIED_STATUSES = frozenset({408, 423, 429})


def is_retried(status: int) -> bool:
    """408, 423, 429 and 5xx except 501 are tried again; everything else fails at once."""
    return status in RETRIED_STATUSES or (500 <= status < 600 and status != 501)


# Names that Python has not, or has differently in its versions.
_NAMES = {
    306: "SWITCH_PROXY",
    413: "PAYLOAD_TOO_LARGE",
    414: "URI_TOO_LONG",
    416: "RANGE_NOT_SATISFIABLE",
    422: "UNPROCESSABLE_ENTITY",
    499: "CANCELLED",
    509: "BANDWIDTH_LIMIT_EXCEEDED",
    529: "SITE_IS_OVERLOADED",
}
_STATUS_NAMES = {**{status.value: status.name for status in HTTPStatus}, **_NAMES}


def error_code(status: int) -> str:
    """The name of an HTTP status, e.g. TOO_MANY_REQUESTS; UNKNOWN_ERROR for one that nobody defined."""
    return _STATUS_NAMES.get(status, "UNKNOWN_ERROR")


class DeliveryError(Exception):
    """A call failed. `code` is stable, the message a sentence that says what to do, `status` as HTTP has it."""

    code: str = "INTERNAL"
    status: int = 500

    def __init__(self, message: str, *, code: str | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        if status is not None:
            self.status = status

    @property
    def is_retried(self) -> bool:
        return is_retried(self.status)


class IntegrationError(DeliveryError):
    """The connector knows why: give it a code and a status."""

    code = "INTEGRATION_ERROR"
    status = 400


class PayloadValidationError(DeliveryError):
    """The payload cannot be sent as it is."""

    code = "PAYLOAD_VALIDATION_FAILED"
    status = 400


class InvalidAudienceMembershipError(DeliveryError):
    """The event does not say whether the person entered or left."""

    code = "INVALID_AUDIENCE_MEMBERSHIP"
    status = 400


class InvalidAuthenticationError(DeliveryError):
    """The destination refused the credentials."""

    code = "INVALID_AUTHENTICATION"
    status = 401


class RetryableError(DeliveryError):
    """Worth another try later."""

    code = "RETRY"
    status = 500

    @property
    def is_retried(self) -> bool:
        return True


class APIError(DeliveryError):
    """The destination said no; the status decides about another try."""

    code = "API_ERROR"


class NetworkError(DeliveryError):
    """Nothing came back: `code` is ENOTFOUND, ETIMEDOUT, ECONNREFUSED … Whoever runs a conversation throws it in."""

    def __init__(self, message: str, *, code: str, is_retryable: bool = True) -> None:
        super().__init__(message, code=code)
        self._is_retryable = is_retryable

    @property
    def is_retried(self) -> bool:
        return self._is_retryable


class SelfTimeoutError(DeliveryError):
    """We gave up waiting."""

    code = "ETIMEDOUT"
    status = 408
