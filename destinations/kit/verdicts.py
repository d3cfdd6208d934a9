"""Judging answers: delivered, try again, or failed (spec: connectors, section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from destinations.kit.errors import DeliveryError, is_retried
from destinations.kit.http import Response

# Longer than the whole time of retrying would be the same as never.
LONGEST_RETRY_AFTER = 4 * 3600.0
_DETAIL_LENGTH = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one call. `code` is a reason of delivery-and-observability.md §2.3, empty when delivered.

    `retry_after` (seconds) is what the destination asked for.
    """

    outcome: Literal["delivered", "retry", "failed"]
    code: str = ""
    detail: str = ""
    status: int | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemResult:
    """The result of one item of a batch: an HTTP status, and what was wrong with it."""

    status: int = 200
    message: str = ""
    code: str = ""

    def verdict(self) -> Verdict:
        if 200 <= self.status < 300:
            return DELIVERED if self.status == 200 else Verdict(outcome="delivered", status=self.status)
        return Verdict(
            outcome="retry" if is_retried(self.status) else "failed",
            code=self.code or str(self.status),
            detail=self.message,
            status=self.status,
        )


DELIVERED = Verdict(outcome="delivered", status=200)


def judge(response: Response, *, now: datetime | None = None) -> Verdict:
    """Any 2xx is delivered; 408, 423, 429 and 5xx except 501 are tried again; the rest failed.

    `now` reads a `Retry-After` that is a date; without it the `Date` of the response is used.
    """
    status = response.status
    if 200 <= status < 300:
        return DELIVERED if status == 200 else Verdict(outcome="delivered", status=status)
    said = response.text.strip()
    detail = f"The destination answered {status} {response.reason}".rstrip() + "."
    if said:
        detail += f" It said: {said[:_DETAIL_LENGTH]}{'…' if len(said) > _DETAIL_LENGTH else ''}"
    if not is_retried(status):
        return Verdict(outcome="failed", code=str(status), detail=detail, status=status)
    return Verdict(
        outcome="retry", code=str(status), detail=detail, status=status, retry_after=retry_after(response, now=now)
    )


def judge_error(error: DeliveryError) -> Verdict:
    """What a connector raised."""
    outcome: Literal["retry", "failed"] = "retry" if error.is_retried else "failed"
    return Verdict(outcome=outcome, code=error.code, detail=error.message, status=error.status)


def judge_transport(code: str, sentence: str, *, is_retryable: bool = True) -> Verdict:
    """Nothing came back: `code` is ENOTFOUND, ETIMEDOUT, ECONNREFUSED … Tried again unless the address is refused."""
    outcome: Literal["retry", "failed"] = "retry" if is_retryable else "failed"
    return Verdict(outcome=outcome, code=code, detail=sentence)


def retry_after(response: Response, *, now: datetime | None = None) -> float | None:
    """Seconds that the destination asks to wait, at most 4 hours; None when it does not say or cannot be read."""
    value = response.headers.get("retry-after", "").strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_RETRY_AFTER)
    at = _http_date(value)
    base = now or _http_date(response.headers.get("date", ""))
    if at is None or base is None:
        return None
    return min(max((at - base).total_seconds(), 0.0), LONGEST_RETRY_AFTER)


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
