"""Replay runs for pages: finding one, and the outcome of each of its messages."""

from __future__ import annotations

from dataclasses import dataclass

from delivery.models import Outcome, ReplayItem, ReplayRun
from spaces.models import Space

PAGE_SIZE = 50
ON_THE_WAY, OTHER = "on_the_way", "other"
ITEM_STATES = {
    "": "All",
    ON_THE_WAY: "On the way",
    "delivered": "Delivered",
    "failed": "Failed again",
    OTHER: "Neither",
}


@dataclass(frozen=True, kw_only=True)
class ItemPage:
    """In the order in which the calls were handed over; `after` is the cursor of the next page."""

    rows: list[ReplayItem]
    after: str | None
    is_first: bool


def find_run(space: Space, public_id: str) -> ReplayRun | None:
    found: ReplayRun | None = (
        ReplayRun.objects.in_space(space)
        .select_related("space", "created_by")
        .filter(public_id=public_id.replace("\0", ""))
        .first()
    )
    return found


def item_page(run: ReplayRun, *, state: str = "", after: str = "", size: int = PAGE_SIZE) -> ItemPage:
    rows = ReplayItem.objects.filter(space_id=run.space_id, run_id=run.pk)
    if state == ON_THE_WAY:
        rows = rows.filter(outcome=None)
    elif state == OTHER:
        rows = rows.exclude(outcome=None).exclude(outcome__in=[Outcome.DELIVERED, Outcome.FAILED])
    elif state:
        rows = rows.filter(outcome=state)
    start = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else 0
    found = list(rows.filter(delivery_id__gt=start).order_by("delivery_id")[: size + 1])
    return ItemPage(
        rows=found[:size],
        after=str(found[size - 1].delivery_id) if len(found) > size else None,
        is_first=start == 0,
    )


def counts_by_state(run: ReplayRun) -> dict[str, int]:
    """The run's own counters by the names of ITEM_STATES."""
    return {
        "": run.handed_over,
        ON_THE_WAY: run.on_the_way,
        "delivered": run.delivered,
        "failed": run.failed,
        OTHER: run.other,
    }
