"""Journeys that the demo lacks, for pictures of the builder, the sheets and the live canvas at every size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from journeys.tests.definitions import big_journey, every_type, small_journey
from tests.product import Product

Api = Callable[..., Any]

# Who ordered in the demo: historical entry fills the journeys at once.
ORDERED = {"version": 1, "collection": "users", "where": {"event": "Order Completed"}}
SIZES = {"small": small_journey, "medium": lambda: big_journey(20), "big": lambda: big_journey(100)}


def make_journeys(product: Product, api: Api, *, destination: str) -> dict[str, str]:
    """Ids by placeholder: a draft with every type of step, live journeys of 3, 20 and 100, one edited since."""
    found = {"every_type": _create(api, every_type(destination) | {"name": "Every type of step"})}
    for name, make in SIZES.items():
        filled = _filled(make(), destination) | {"name": f"A {name} journey"}
        found[f"{name}_journey"] = journey = _create(api, filled)
        _publish(api, journey)
    changed = found["changed_journey"] = _create(api, _filled(small_journey(), destination) | {"name": "Ask once more"})
    _publish(api, changed)
    product.wait("people in the journeys", lambda: all(_entered(api, journey) for journey in list(found.values())[1:]))
    product.wait_idle()
    _edit(api, changed)
    return found


def _filled(definition: dict[str, Any], destination: str) -> dict[str, Any]:
    """With everybody who ordered before, and each message to a real destination."""
    steps = [
        step | {"connections": [{"destination": destination, "send_identify": False, "send_track": True}]}
        if "connections" in step
        else step
        for step in definition["steps"]
    ]
    entry = definition["entry"] | {"name": "Customers", "condition": ORDERED, "use_historical": True}
    return definition | {"entry": entry, "steps": steps}


def _create(api: Api, definition: dict[str, Any]) -> str:
    return str(api("POST", "journeys/", {"definition": definition})["id"])


def _publish(api: Api, journey: str) -> None:
    token = api("GET", f"journeys/{journey}/publish/")["token"]
    api("POST", f"journeys/{journey}/publish/", {"token": token})


def _entered(api: Api, journey: str) -> bool:
    return bool(api("GET", f"journeys/{journey}/steps/")["entered"])


def _edit(api: Api, journey: str) -> None:
    """A longer wait, the question gone: people wait in steps that the review asks about."""
    draft = api("POST", f"journeys/{journey}/versions/", {})
    steps = [
        step | {"after": "wait"} if step["id"] == "thanks" else step
        for step in draft["definition"]["steps"]
        if step["id"] != "bought"
    ]
    wait = next(step for step in steps if step["id"] == "wait")
    wait["duration"] = {"days": 3}
    body = {"definition": draft["definition"] | {"steps": steps}, "revision": draft["revision"]}
    api("PUT", f"journeys/{journey}/draft/", body)
