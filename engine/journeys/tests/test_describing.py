"""Journeys and their changes in sentences."""

from __future__ import annotations

from engine.journeys.definition import read
from engine.journeys.describing import describe_changes, describe_journey, differences
from engine.journeys.tests.building import (
    ad,
    branches,
    by_chance,
    condition,
    connect,
    delay,
    journey,
    send,
    split,
    step,
    wait_for,
)


def changes(before, after, **destinations):
    return describe_changes(read(before), read(after), destinations)


def test_a_journey_is_told_from_the_entry_to_the_end():
    steps = [
        delay("wait", "entry", days=3), split("split", "wait"), ad("ad", ("split", "true"), {"weeks": 1}),
        by_chance("draw", ("split", "false"), a=50, b=50), connect("link", ("draw", "a"), "ad"),
        branches("many", ("draw", "b"), "x", "y"), wait_for("in_x", ("many", "x")), send("sent", "in_x"),
    ]  # fmt: skip

    assert describe_journey(read(journey(*steps, exit_after={"days": 90}, reentry_after={"days": 1}))) == [
        "Entry: users who performed “Signed Up” at least 1 time, also those who did before publication.",
        "After the entry: Wait 3 days.",
        "After “Wait 3 days”: “Bought?”: Split in two: performed “Order Completed” at least 1 time.",
        "After “Bought?”, branch Buyers: “See the ad”: Show an ad through 1 destination, remove after 1 week.",
        "After “Bought?”, branch Others: “Test”: Split by chance: A 50 %, B 50 %.",
        "After “Test”, branch A: Go on to “See the ad”.",
        "After “Test”, branch B: “By interest”: Split into branches: x, y.",
        "After “By interest”, branch x: “Did Order Completed”: "
        "Wait until: performed “Order Completed” at least 1 time.",
        "After “Did Order Completed”: “Buyers”: Send to 1 destination.",
        "Everybody leaves 90 days after entering.",
        "People may enter again 1 day after leaving.",
    ]


def test_the_same_journey_has_no_differences():
    assert changes(journey(delay("a", "entry")), journey(delay("a", "entry"))) == []


def test_differences_are_told_one_by_one():
    before = journey(delay("wait", "entry", hours=1), send("sent", "wait"), send("gone", "sent", name="Gone"))
    after = journey(
        delay("wait", "entry", hours=2), wait_for("order", "wait"), send("sent", "order", name="Customers"),
        exit_after={"days": 7}, entry=condition("Registered"), use_historical=False,
    )  # fmt: skip

    assert changes(before, after) == [
        "The journey: exit time changed from “off” to “7 days”.",
        "Entry: condition changed from performed “Signed Up” at least 1 time "
        "to performed “Registered” at least 1 time.",
        "Entry: historical data changed from “on” to “off”.",
        "“Wait 1 hour”: duration changed from “1 hour” to “2 hours”.",
        "Added “Did Order Completed”: Wait until: performed “Order Completed” at least 1 time after “Wait 2 hours”.",
        "Moved “Buyers” after “Did Order Completed”.",
        "“Buyers”: name changed from “Buyers” to “Customers”.",
        "Removed “Gone”: Send to 1 destination.",
    ]


def test_changes_of_destinations_name_them():
    before = step("s", "send_to_destinations", "entry", name="Buyers", connections=[
        {"destination": "d1"}, {"destination": "d2"},
    ])  # fmt: skip
    after = step("s", "send_to_destinations", "entry", name="Buyers", connections=[
        {"destination": "d2", "send_track": False, "enter_event": "Hello"}, {"destination": "d3"},
    ])  # fmt: skip

    assert changes(journey(before), journey(after), d1="Mail", d2="Hook", d3="Ads") == [
        "“Buyers”: connected “Ads”.",
        "“Buyers”: no longer connected to “Mail”.",
        "“Buyers”: settings of “Hook” changed (send track off, enter event Hello).",
    ]


def test_what_changes_for_people_who_wait_is_marked():
    before = journey(wait_for("a", "entry"), send("b", "a"), delay("c", "b"))
    after = journey(wait_for("a", "entry", event="Other"), send("b", "a", name="New name"))

    found = [(difference.step, difference.kind, difference.alters_people) for difference in
             differences(read(before), read(after))]  # fmt: skip

    assert found == [
        ("a", "changed", False), ("a", "changed", True), ("b", "changed", False), ("c", "removed", True),
    ]  # fmt: skip


def test_a_step_of_another_type_under_the_same_id_is_another_step():
    assert changes(journey(delay("a", "entry")), journey(send("a", "entry"))) == [
        "Added “Buyers”: Send to 1 destination after the entry.", "Removed Wait 1 hour.",
    ]  # fmt: skip
