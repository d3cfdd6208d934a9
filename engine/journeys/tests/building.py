"""Short ways to write journeys in tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from engine.journeys import plan as plans
from engine.journeys.definition import read
from engine.journeys.running import Judged

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
YES, NO = Judged(True), Judged(False)


def condition(event="Order Completed", **more):
    return {"version": 1, "collection": "users", "where": {"event": event, **more}}


def where(node):
    return {"version": 1, "collection": "users", "where": node}


def journey(*steps, exit_after=None, reentry_after=None, entry="Signed Up", use_historical=True, name="Welcome"):
    entry_condition = condition(entry) if isinstance(entry, str) else entry
    return {
        "version": 1,
        "name": name,
        "settings": {"exit_after": exit_after, "reentry_after": reentry_after},
        "entry": {"name": "New users", "condition": entry_condition, "use_historical": use_historical},
        "steps": list(steps),
    }


def step(step_id, kind, after, **more):
    if isinstance(after, tuple):
        after = {"step": after[0], "branch": after[1]}
    return {"id": step_id, "type": kind, "after": after, **more}


def delay(step_id, after, **duration):
    return step(step_id, "delay", after, duration=duration or {"hours": 1})


def wait_for(step_id, after, event="Order Completed", **more):
    return step(step_id, "condition", after, name=f"Did {event}", condition=condition(event, **more))


def split(step_id, after, event="Order Completed", **more):
    return step(
        step_id, "true_false", after, name="Bought?", condition=condition(event, **more),
        true_name="Buyers", false_name="Others",
    )  # fmt: skip


def branches(step_id, after, *ids):
    return step(step_id, "multi_branch", after, name="By interest", branches=[{"id": i, "name": i} for i in ids])


def by_chance(step_id, after, **shares):
    parts = [{"id": key, "name": key.upper(), "percent": share} for key, share in shares.items()]
    return step(step_id, "random", after, name="Test", branches=parts)


def send(step_id, after, name="Buyers", destination="dest"):
    connection = {"destination": destination, "send_identify": True, "send_track": True}
    return step(step_id, "send_to_destinations", after, name=name, connections=[connection])


def ad(step_id, after, remove_after=None):
    connection = {"destination": "ads", "send_identify": True, "send_track": True}
    return step(step_id, "show_ad", after, name="See the ad", connections=[connection], remove_after=remove_after)


def connect(step_id, after, to):
    return step(step_id, "connect", after, to=to)


def plan_of(*steps, **settings):
    return plans.compile(read(journey(*steps, **settings)))
