"""What the browser tests do again and again, through the REST API and on the pages of an audience."""

from __future__ import annotations

import base64
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.product import Product

BUYERS = {
    "version": 1,
    "collection": "users",
    "where": {"all": [{"event": "Order Completed", "count": {"gte": 2}}]},
}


def space_of(product: Product) -> str:
    return f"spaces/{product.demo['space']}"


def make_audience(product: Product, name: str) -> dict[str, Any]:
    """A Live audience of the people who ordered at least twice."""
    made = product.api("POST", f"{space_of(product)}/audiences/", {"name": name, "definition": BUYERS})
    return product.wait(f"{name} is Live", lambda: live_audience(product, made["id"]))


def live_audience(product: Product, audience_id: str) -> dict[str, Any] | None:
    found: dict[str, Any] = product.api("GET", f"{space_of(product)}/audiences/{audience_id}/")
    return found if found["status"] == "Live" else None


def make_destination(product: Product, name: str, url: str) -> dict[str, Any]:
    body = {"name": name, "connector": "webhook", "settings": {"url": url}, "enabled": True}
    made: dict[str, Any] = product.api("POST", f"{space_of(product)}/destinations/", body)
    return made


def connect(product: Product, audience: dict[str, Any], destination: dict[str, Any]) -> dict[str, Any]:
    path = f"{space_of(product)}/audiences/{audience['id']}/connections/"
    made: dict[str, Any] = product.api("POST", path, {"destination": destination["id"]})
    return made


def open_audience(page: Page, product: Product, audience: dict[str, Any], tab: str = "") -> None:
    page.goto(f"/s/{product.demo['space']}/audiences/{audience['id']}/{tab}")


def echo(product: Product, name: str) -> dict[str, Any]:
    answer: dict[str, Any] = product.request("GET", f"/echo/{name}/requests.json?limit=10000")
    return answer


def people_in(received: dict[str, Any]) -> set[str]:
    """The user ids that a receiver got; a member with several e-mails is sent once for each."""
    return {request["body"]["userId"] for request in received["requests"]}


def calls_in(received: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(type, user id, e-mail) of each call: on first sync every identifier is sent once by each type (F095)."""
    found = []
    for request in received["requests"]:
        body = request["body"]
        email = (body.get("traits") or body["context"].get("traits") or {}).get("email", "")
        found.append((body["type"], body.get("userId", body.get("anonymousId", "")), email))
    return found


def order_twice(product: Product, people: list[str]) -> None:
    """Two orders of each person in one /v1/batch request, as an SDK sends them."""
    orders = [{"type": "track", "userId": person, "event": "Order Completed"} for person in people for _ in range(2)]
    secret = base64.b64encode(f"{product.demo['write_key']}:".encode()).decode()
    product.request("POST", "/v1/batch", {"batch": orders}, {"Authorization": f"Basic {secret}"})


def build(page: Page, *, event: str, count: str) -> None:
    """One event row: the event from the type-ahead, and how often."""
    field = page.get_by_test_id("builder.event")
    field.click()
    field.press_sequentially(event[:8])
    page.get_by_role("option", name=event).first.click()
    expect(field).to_have_value(event)
    page.get_by_test_id("builder.count").fill(count)


def row_of(page: Page, destination: str) -> Locator:
    return page.get_by_test_id("audience.destination").filter(has_text=destination)


def open_tester(page: Page, destination: str) -> Locator:
    """The Event tester in the side sheet of a connection."""
    row_of(page, destination).get_by_role("link", name=destination, exact=True).click()
    sheet = page.get_by_test_id("sheet")
    sheet.get_by_role("link", name="Event tester").click()
    expect(sheet.get_by_test_id("tester.form")).to_be_visible()
    return sheet
