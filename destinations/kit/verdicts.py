"""Judging answers: delivered, try again, or failed (spec: connectors, section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from destinations.kit.errors import DeliveryError, NetworkError, is_retried
from destinations.kit.http import Response

# Longer than the whole time of retrying would be the same as never.
LONGEST_RETRY_AFTER = 4 * 3600.0
_DETAIL_LENGTH = 300
_RESETS = ("x-ratelimit-reset-after", "ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset")
# Numbers from here on are moments, smaller ones are waits.
_UNIX_SECONDS = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one call. `code` is a reason of delivery-and-observability.md §2.3, empty when delivered.

    "filtered": it is not for this destination, which is a normal end.
    `retry_after` (seconds) is what the destination asked for. `logs` are the lines that a function wrote.
    """

    outcome: Literal["delivered", "retry", "failed", "filtered"]
    code: str = ""
    detail: str = ""
    status: int | None = None
    retry_after: float | None = None
    logs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemResult:
    """The result of one item of a batch: an HTTP status, and what was wrong with it.

    `sent` and `body`, where a connector tells them, are what was sent for this item and what the vendor said of it.
    `ticket` of a success that the vendor only took note of: by it `Action.confirm` asks what came of the item.
    """

    status: int = 200
    message: str = ""
    code: str = ""
    retry_after: float | None = None
    sent: Any = None
    body: Any = None
    ticket: Any = None

    def verdict(self) -> Verdict:
        if 200 <= self.status < 300:
            return DELIVERED if self.status == 200 else Verdict(outcome="delivered", status=self.status)
        return Verdict(
            outcome="retry" if is_retried(self.status) else "failed",
            code=self.code or str(self.status),
            detail=self.message,
            status=self.status,
            retry_after=self.retry_after,
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
    status = None if isinstance(error, NetworkError) else error.status
    return Verdict(outcome=outcome, code=error.code, detail=error.message, status=status)


def judge_transport(code: str, sentence: str, *, is_retryable: bool = True) -> Verdict:
    """Nothing came back: `code` is ENOTFOUND, ETIMEDOUT, ECONNREFUSED … Tried again unless the address is refused."""
    outcome: Literal["retry", "failed"] = "retry" if is_retryable else "failed"
    return Verdict(outcome=outcome, code=code, detail=sentence)


def retry_after(response: Response, *, now: datetime | None = None) -> float | None:
    """Seconds that the destination asks to wait, at most 4 hours; None when it does not say or cannot be read.

    `Retry-After`, else the moment at which a rate limit is lifted: `RateLimit-Reset`, `X-RateLimit-Reset` or
    `X-RateLimit-Reset-After`, in seconds from now or as a Unix time (in seconds or milliseconds).
    """
    base = now or _http_date(response.headers.get("date", ""))
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_RETRY_AFTER)
    at = _http_date(value) if value else None
    if at is None:
        return _rate_limit_reset(response, base)
    return min(max((at - base).total_seconds(), 0.0), LONGEST_RETRY_AFTER) if base else None


def _rate_limit_reset(response: Response, base: datetime | None) -> float | None:
    for name in _RESETS:
        try:
            number = float(response.headers.get(name, "").strip())
        except ValueError:
            continue
        if not 0 <= number < 1e14:
            continue
        if number < _UNIX_SECONDS:
            return min(number, LONGEST_RETRY_AFTER)
        if base is None:
            return None
        seconds = number / 1000 if number >= _UNIX_SECONDS * 1000 else number
        return min(max(seconds - base.timestamp(), 0.0), LONGEST_RETRY_AFTER)
    return None


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
