"""Journeys for tests, measurements and pictures: of any size, and one with every type of step."""

from __future__ import annotations

from typing import Any

SIGNED_UP = {"version": 1, "collection": "users", "where": {"event": "Signed Up"}}
ORDERED = {"version": 1, "collection": "users", "where": {"event": "Order Completed", "count": {"gte": 2}}}


def journey(*steps: dict[str, Any], name: str = "First purchase", condition: Any = SIGNED_UP) -> dict[str, Any]:
    """A journey of these steps without exit settings."""
    return {
        "version": 1,
        "name": name,
        "settings": {"exit_after": None, "reentry_after": None},
        "entry": {"name": "New users", "condition": condition, "use_historical": False},
        "steps": list(steps),
    }


def step(step_id: str, step_type: str, after: Any, **data: Any) -> dict[str, Any]:
    return {"id": step_id, "type": step_type, "after": after, **data}


def on(step_id: str, branch: str) -> dict[str, str]:
    return {"step": step_id, "branch": branch}


def small_journey() -> dict[str, Any]:
    """Wait an hour, ask whether they bought, tell a destination of those who did."""
    return journey(
        step("wait", "delay", "entry", duration={"hours": 1}),
        step(
            "bought", "true_false", "wait", name="Bought?", condition=ORDERED, true_name="Buyers", false_name="Others"
        ),
        step("thanks", "send_to_destinations", on("bought", "true"), name="Opened email", connections=[]),
    )


def every_type(destination: str = "crm") -> dict[str, Any]:
    """Each type of step once or more, joined again at the end."""
    connections = [{"destination": destination, "send_identify": True, "send_track": True}]
    return journey(
        step("wait", "delay", "entry", duration={"hours": 1}),
        step("way", "multi_branch", "wait", name="What they do",
             branches=[{"id": "a", "name": "Shoppers"}, {"id": "b", "name": "Readers"}, {"id": "c", "name": "Quiet"}]),
        step("shops", "condition", on("way", "a"), name="Adds to cart", condition=ORDERED),
        step("reads", "condition", on("way", "b"), name="Reads the blog", condition=SIGNED_UP),
        step("quiet", "condition", on("way", "c"), name="Does nothing for long", condition=SIGNED_UP),
        step("test", "random", "shops", name="Subject line",
             branches=[{"id": "a", "name": "Short", "percent": 50}, {"id": "b", "name": "Long", "percent": 50}]),
        step("short", "send_to_destinations", on("test", "a"), name="Short subject", connections=connections),
        step("long", "send_to_destinations", on("test", "b"), name="Long subject", connections=connections),
        step("week", "delay", "short", duration={"weeks": 1}),
        step("bought", "true_false", "week", name="Bought?", condition=ORDERED, true_name="Yes", false_name="Others"),
        step("thanks", "send_to_destinations", on("bought", "true"), name="Thanked buyers", connections=connections),
        step("remind", "show_ad", on("bought", "false"), name="Retargeting", connections=[], remove_after={"days": 14}),
        step("joins", "connect", "reads", to="week"),
        step("nudge", "show_ad", "quiet", name="Win back", connections=connections, remove_after=None),
    )  # fmt: skip


def big_journey(size: int) -> dict[str, Any]:
    """`size` steps with the entry: splits in two now and then, conditions, delays and sends between."""
    steps: list[dict[str, Any]] = []
    open_places: list[Any] = ["entry"]
    while len(steps) < size - 1:
        place = open_places.pop(0)
        number = len(steps) + 1
        name = f"s{number}"
        match number % 6:
            case 2 if len(open_places) < 8:
                steps.append(step(name, "true_false", place, name=f"Question {number}", condition=ORDERED,
                                  true_name="Yes", false_name="No"))  # fmt: skip
                open_places += [on(name, "true"), on(name, "false")]
                continue
            case 3:
                steps.append(step(name, "condition", place, name=f"Wait until {number}", condition=ORDERED))
            case 5:
                steps.append(step(name, "send_to_destinations", place, name=f"Message {number}",
                                  connections=[{"destination": "crm"}]))  # fmt: skip
            case _:
                steps.append(step(name, "delay", place, duration={"days": number}))
        open_places.append(name)
    return journey(*steps, name=f"Journey of {size} steps")
