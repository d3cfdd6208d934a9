from __future__ import annotations

from datetime import UTC, datetime

import pytest

from destinations.kit.errors import IntegrationError, RetryableError
from destinations.kit.http import Response
from destinations.kit.verdicts import judge, judge_error, judge_transport, retry_after


def test_retry_after_in_seconds_is_honored() -> None:
    verdict = judge(Response(status=429, headers={"retry-after": "17"}))

    assert (verdict.outcome, verdict.retry_after) == ("retry", 17.0)


def test_retry_after_as_a_date_counts_from_the_date_of_the_answer() -> None:
    headers = {"retry-after": "Wed, 21 Oct 2026 07:30:00 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}

    assert retry_after(Response(status=503, headers=headers)) == 120.0


def test_retry_after_as_a_date_counts_from_now_when_given() -> None:
    response = Response(status=503, headers={"retry-after": "Wed, 21 Oct 2026 07:30:00 GMT"})

    assert retry_after(response, now=datetime(2026, 10, 21, 7, 29, tzinfo=UTC)) == 60.0
    assert retry_after(response, now=datetime(2026, 10, 21, 8, 0, tzinfo=UTC)) == 0.0


@pytest.mark.parametrize("value", ["", "soon", "-5", "Wed, 99 Oct"])
def test_an_unreadable_retry_after_is_none(value: str) -> None:
    assert retry_after(Response(status=503, headers={"retry-after": value})) is None


def test_a_far_retry_after_is_cut_to_four_hours() -> None:
    assert retry_after(Response(status=503, headers={"retry-after": "999999999"})) == 4 * 3600.0


def test_the_detail_carries_status_and_the_start_of_the_body() -> None:
    verdict = judge(Response(status=400, body=b"name is missing"))

    assert verdict.detail == "The destination answered 400 Bad Request. It said: name is missing"


def test_errors_of_connectors_are_judged_by_status() -> None:
    assert judge_error(IntegrationError("no", code="X", status=422)).outcome == "failed"
    assert judge_error(IntegrationError("busy", code="X", status=429)).outcome == "retry"
    assert judge_error(RetryableError("later")).outcome == "retry"


def test_network_failures_are_tried_again_unless_the_address_is_refused() -> None:
    assert judge_transport("ETIMEDOUT", "x").outcome == "retry"
    assert judge_transport("EREFUSED", "x", is_retryable=False).outcome == "failed"
