"""Why a call failed, and which failures are tried again (spec: connectors, section 5)."""

from __future__ import annotations

RETRIED_STATUSES = frozenset({408, 423, 429})


def is_retried(status: int) -> bool:
    """408, 423, 429 and 5xx except 501 are tried again; everything else fails at once."""
    return status in RETRIED_STATUSES or (500 <= status < 600 and status != 501)


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


class SelfTimeoutError(DeliveryError):
    """We gave up waiting."""

    code = "ETIMEDOUT"
    status = 408
