"""The Event Delivery tab (delivery-and-observability.md §3): delivered or not, how fast, errors with samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.db import connection as database

from delivery.selectors.calls import CallRow, exchanges_of
from delivery.selectors.messages import behind, message_page
from delivery.selectors.overview import DELIVERED, FAILED, PENDING, Overview, Scope, overview, p95_seconds
from delivery.selectors.reasons import Reason, error_code, reason

SAMPLES = 10
# Of how many calls that wait for another attempt the last error is looked up.
MOST_RETRIED = 10_000

RETRIED = """
SELECT a.reason, count(*), min(a.id) FROM (
    SELECT l.id, last.reason FROM (
        SELECT id FROM delivery l WHERE l.space_id = %(space)s AND l.destination_id = ANY(%(destinations)s::bigint[])
          AND l.connection_id = ANY(%(connections)s::bigint[]) AND l.attempts > 0
          AND l.created_at >= %(since)s AND l.created_at < %(until)s
        LIMIT %(most)s
    ) l CROSS JOIN LATERAL (
        SELECT reason FROM attempt WHERE space_id = %(space)s AND delivery_id = l.id ORDER BY number DESC LIMIT 1
    ) last
) a GROUP BY 1 ORDER BY 2 DESC, 1
"""


@dataclass(frozen=True, kw_only=True)
class Error:
    """One kind of error: `code` as in §3, how many calls it stopped or holds up, and the newest of them."""

    code: str
    reason: Reason
    calls: int
    is_retried: bool
    sample: CallRow | None = None


@dataclass(frozen=True, kw_only=True)
class EventDelivery:
    figures: Overview
    delivered: int
    not_delivered: int
    p95: float | None
    errors: list[Error]


def event_delivery(scope: Scope) -> EventDelivery:
    """Of the calls emitted in the period. Not delivered: those that failed and those that wait for another attempt."""
    scope = replace(scope, with_passed=False)
    figures = overview(scope)
    failed = [
        Error(
            code=error_code(line.reason.code, is_retried=False),
            reason=line.reason,
            calls=line.count,
            is_retried=False,
            sample=next(iter(message_page(behind(scope, FAILED, line.reason.code), size=1).rows), None),
        )
        for line in figures.reasons(FAILED)
        if line.reason is not None
    ]
    return EventDelivery(
        figures=figures,
        delivered=figures.now.steps[DELIVERED],
        not_delivered=figures.now.steps[FAILED] + figures.now.pending.retrying,
        p95=p95_seconds(scope),
        errors=[*failed, *_retried(scope)],
    )


def samples(scope: Scope, step: str, code: str | None) -> list[CallRow]:
    """Up to ten of the newest messages of a step or reason."""
    return message_page(behind(scope, step, code), size=SAMPLES).rows


def sent_and_said(row: CallRow | None) -> tuple[object, object]:
    """The last request to the destination and what came back; None for either that there is not."""
    exchanges = exchanges_of(row.exchange) if row is not None else []
    last = exchanges[-1] if exchanges else {}
    return last.get("request"), last.get("response") or last.get("error")


def _retried(scope: Scope) -> list[Error]:
    params: dict[str, Any] = {
        "space": scope.space.pk,
        "destinations": sorted({one.destination_id for one in scope.connections}),
        "connections": [one.pk for one in scope.connections],
        "since": scope.period.since,
        "until": scope.period.until,
        "most": MOST_RETRIED,
    }
    with database.cursor() as cursor:
        cursor.execute(RETRIED, params)
        found = cursor.fetchall()
    rows = {row.id: row for row in message_page(behind(scope, PENDING, "retrying"), size=SAMPLES).rows} if found else {}
    return [
        Error(
            code=error_code(code, is_retried=True),
            reason=reason(code),
            calls=calls,
            is_retried=True,
            sample=rows.get(first),
        )
        for code, calls, first in found
    ]
