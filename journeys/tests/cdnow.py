"""The CDNOW orders, a journey over them, and what it must give: counted from the file alone, without the product."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SAMPLE = Path(__file__).parent / "data" / "cdnow_sample.csv"
FROM_AT = datetime(1997, 1, 1, tzinfo=UTC)
TO_AT = datetime(1998, 7, 1, tzinfo=UTC)
WAIT = timedelta(days=30)


@dataclass(frozen=True)
class Order:
    customer: str
    at: datetime
    quantity: int
    revenue: float


@dataclass(frozen=True, kw_only=True)
class Expected:
    """People who entered, were still waiting at the end, had ordered again after 30 days, and had not."""

    entered: int
    waiting: int
    again: int
    once: int


def read_orders(path: Path = SAMPLE) -> list[Order]:
    """The columns are customer_id, date, quantity, revenue; an order is placed when its day begins (UTC)."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Order(
                row["customer_id"],
                datetime.fromisoformat(row["date"]).replace(tzinfo=UTC),
                int(row["quantity"]),
                float(row["revenue"]),
            )
            for row in csv.DictReader(file)
        ]


def count(orders: list[Order], *, from_at: datetime = FROM_AT, to_at: datetime = TO_AT) -> Expected:
    """Entered on the first order of the period; 30 days later: is there another order since?"""
    days: dict[str, list[datetime]] = defaultdict(list)
    for order in orders:
        if from_at <= order.at <= to_at:
            days[order.customer].append(order.at)
    waiting = again = once = 0
    for own in days.values():
        judged = min(own) + WAIT
        if judged > to_at:
            waiting += 1
        elif sum(1 for day in own if day <= judged) > 1:
            again += 1
        else:
            once += 1
    return Expected(entered=len(days), waiting=waiting, again=again, once=once)


def definition(destination: str) -> dict[str, Any]:
    """Entered on first order → delay 30 days → ordered again since? → send those who did."""

    def ordered(times: int) -> dict[str, Any]:
        where = {"event": "Order Completed", "count": {"gte": times}}
        return {"version": 1, "collection": "users", "where": where}

    return {
        "version": 1,
        "name": "Second order",
        "settings": {"exit_after": None, "reentry_after": None},
        "entry": {"name": "First order", "condition": ordered(1), "use_historical": False},
        "steps": [
            {"id": "wait", "type": "delay", "after": "entry", "duration": {"days": 30}},
            {
                "id": "again",
                "type": "true_false",
                "after": "wait",
                "name": "Ordered again since?",
                "condition": ordered(2),
                "true_name": "Again",
                "false_name": "Once",
            },
            {
                "id": "thanks",
                "type": "send_to_destinations",
                "after": {"step": "again", "branch": "true"},
                "name": "Repeat buyers",
                "connections": [{"destination": destination, "send_identify": True, "send_track": True}],
            },
        ],
    }
