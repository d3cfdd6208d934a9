"""What the browser tests of journeys do again and again: steps of the builder by mouse, by keyboard and by form."""

from __future__ import annotations

import base64
import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser_steps import space_of
from tests.product import Product

OPENED_EMAIL_KEY = re.compile(r"^j_o_first_purchase__opened_email_[a-z0-9]{6}$")
Definition = dict[str, Any]


def make_list(product: Product, name: str, url: str) -> dict[str, Any]:
    """A list destination that sends what was collected every minute."""
    settings = {"url": url, "intervalMinutes": 1}
    body = {"name": name, "connector": "webhook_list", "settings": settings, "enabled": True}
    made: dict[str, Any] = product.api("POST", f"{space_of(product)}/destinations/", body)
    return made


def free_name(product: Product, name: str) -> None:
    """Rename the journey of the demo that is called so: names are unique in a space."""
    for journey in product.api("GET", f"{space_of(product)}/journeys/")["results"]:
        if journey["name"] == name:
            product.api("PATCH", f"{space_of(product)}/journeys/{journey['id']}/", {"name": f"{name} {journey['id']}"})


def journey_id_of(page: Page) -> str:
    """The public id in the address of a page of a journey."""
    found = re.search(r"/journeys/([^/?]+)/", page.url)
    assert found is not None, page.url
    return found[1]


def order_by(product: Product, people: list[str], event: str = "Order Completed") -> None:
    """One event of each person in one /v1/batch request, as an SDK sends them."""
    events = [{"type": "track", "userId": person, "event": event} for person in people]
    secret = base64.b64encode(f"{product.demo['write_key']}:".encode()).decode()
    product.request("POST", "/v1/batch", {"batch": events}, {"Authorization": f"Basic {secret}"})


def ordered(count: int = 1) -> Definition:
    """The condition: performed Order Completed at least so often."""
    return {
        "version": 1,
        "collection": "users",
        "where": {"all": [{"event": "Order Completed", "count": {"gte": count}}]},
    }


def journey(name: str, *steps: dict[str, Any]) -> Definition:
    return {
        "version": 1,
        "name": name,
        "settings": {"exit_after": None, "reentry_after": None},
        "entry": {"name": "Buyers", "condition": ordered(), "use_historical": False},
        "steps": list(steps),
    }


def make_journey(product: Product, definition: Definition) -> str:
    """A draft; its public id."""
    made = product.api("POST", f"{space_of(product)}/journeys/", {"definition": definition})
    return str(made["id"])


def saved_definition(product: Product, journey_id: str) -> Definition:
    answer: Definition = product.api("GET", f"{space_of(product)}/journeys/{journey_id}/")["definition"]
    return answer


def open_builder(page: Page, product: Product, journey_id: str, view: str = "builder") -> None:
    page.goto(f"/s/{product.demo['space']}/journeys/{journey_id}/{view}/")


def card(page: Page, name: str) -> Locator:
    """The card of a step on the canvas."""
    return page.get_by_test_id("canvas.step").filter(has_text=name)


def names_on_canvas(page: Page) -> list[str]:
    """The names of the steps, as they are laid out."""
    return page.locator("[data-test='canvas.step'] .jcard__name").all_inner_texts()


def saved(page: Page) -> None:
    """Everything that was typed is stored."""
    expect(page.get_by_test_id("builder.save-state")).to_contain_text("Saved")


def add_step(page: Page, plus: int, kind: str) -> None:
    """Press the plus of that number and choose a kind of step; its sheet opens."""
    page.get_by_test_id("canvas.plus").nth(plus).click()
    page.get_by_test_id("builder.add-menu").get_by_test_id(f"builder.add-{kind}").click()
    expect(page.get_by_test_id("step.form")).to_be_visible()


def open_step(page: Page, name: str) -> None:
    """Press the card; its sheet opens beside the canvas."""
    card(page, name).get_by_role("link").first.click()
    expect(page.get_by_test_id("step.form")).to_be_visible()


def close_panel(page: Page) -> None:
    """Back to the palette."""
    page.get_by_test_id("panel.close").click()
    expect(page.get_by_test_id("palette.delay")).to_be_visible()


def publish(product: Product, journey_id: str) -> None:
    path = f"{space_of(product)}/journeys/{journey_id}/publish/"
    review = product.api("GET", path)
    product.api("POST", path, {"token": review["token"]})


def send_step(name: str, *destinations: dict[str, Any]) -> Definition:
    """A step after the entry that sends to these."""
    connections = [{"destination": found["id"], "send_identify": True, "send_track": True} for found in destinations]
    return {"id": "send", "type": "send_to_destinations", "after": "entry", "name": name, "connections": connections}


def delay(step_id: str, after: Any, days: int = 1, name: str = "") -> Definition:
    return {"id": step_id, "type": "delay", "after": after, "name": name, "duration": {"days": days}}


def listed(received: dict[str, Any]) -> list[str]:
    """The user ids that a list receiver was told to add, in order; it is told of nothing else."""
    assert all(not request["body"].get("removed") for request in received["requests"])
    return [person["userId"] for request in received["requests"] for person in request["body"].get("added", [])]


def press_until(page: Page, key: str, test_id: str, presses: int = 90) -> None:
    """Press `key` until the focus is on (or in) the element; fails when it is never reached."""
    for _ in range(presses):
        page.keyboard.press(key)
        if page.evaluate("id => document.activeElement.closest(`[data-test='${id}']`) !== null", test_id):
            return
    focused = page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
    raise AssertionError(f"{test_id} is not reached with {key}; the focus is on {focused}")
