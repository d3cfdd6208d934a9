"""What the browser tests of journeys do again and again: steps of the builder by mouse, by keyboard and by form."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from playwright.sync_api import Locator, Page, ViewportSize, expect

from tests.browser import findings, serious
from tests.browser_steps import build, space_of
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


def find_on_canvas(page: Page, words: str, found: str) -> Locator:
    """Type into *Find a step*; the card of that name is marked and in view."""
    page.get_by_test_id("canvas.find").fill(words)
    shown = card(page, found)
    expect(shown).to_have_class(re.compile("is-current"))
    expect(shown).to_be_in_viewport()
    return shown


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


def let_buyers_in(page: Page) -> None:
    """Entry condition: performed Order Completed, only from now on."""
    page.get_by_test_id("step.name").fill("Buyers")
    page.get_by_test_id("builder.add").click()
    page.get_by_test_id("builder.add-event").click()
    build(page, event="Order Completed", count="1")
    page.get_by_test_id("step.use-historical").uncheck()
    expect(card(page, "Buyers")).to_contain_text("Performed “Order Completed” at least 1 time")
    expect(card(page, "Buyers")).not_to_contain_text("historical")


def send_test_event(page: Page, key: str) -> str:
    """Send one event from the tester of the step's event destination, see `200 OK` and the answer; its user id."""
    page.get_by_test_id("step.destination").get_by_role("link", name="Event tester").click()
    event = page.get_by_test_id("tester.event")
    page.get_by_test_id("tester.type").select_option(label="Track: Audience Entered")
    expect(event).to_have_value(re.compile('"Audience Entered"'))
    tested = json.loads(event.input_value())
    assert re.fullmatch(r"test-user-\w{6}", tested["userId"])
    assert tested["properties"][key] is True
    page.get_by_test_id("tester.send").click()
    expect(page.get_by_test_id("lifecycle.result")).to_contain_text("200 OK")
    expect(page.get_by_role("region", name="Response body")).to_contain_text(tested["messageId"])
    expect(page.get_by_role("heading", name="Event lifecycle")).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("sheet")).to_have_count(0)
    return str(tested["userId"])


def run_test_with_one_person(page: Page, key: str) -> None:
    """Fill in who enters, run: the path is lit and the calls that would go out are shown."""
    page.get_by_test_id("builder.test").click()
    page.get_by_test_id("test.fill").click()
    expect(page.get_by_test_id("test.event")).to_have_count(1)
    page.get_by_test_id("test.run").click()
    expect(page.get_by_test_id("test.result")).to_contain_text("Sent to the destinations of “Opened email”.")
    expect(page.locator(".edge--lit")).to_have_count(2)
    call = page.get_by_test_id("test.call").filter(has_text="Track").first
    call.locator("summary", has_text="Payload").click()
    expect(call).to_contain_text(f'"{key}": true')


def let_buyers_in_by_keyboard(page: Page) -> None:
    """Entry condition: performed Order Completed."""
    press_until(page, "Tab", "step.name")
    page.keyboard.type("Buyers")
    press_until(page, "Tab", "builder.add")
    page.keyboard.press("Enter")
    press_until(page, "ArrowDown", "builder.add-event")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("builder.event")).to_be_visible()
    press_until(page, "Tab", "builder.event")
    page.keyboard.type("Order Comp")
    expect(page.get_by_role("option", name="Order Completed")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")


def choose_by_keyboard(page: Page, name: str) -> None:
    """Tab to the destination of that name in the chooser and tick it."""
    for _ in range(60):
        page.keyboard.press("Tab")
        row = page.evaluate("document.activeElement.closest(`[data-test='choose.row']`)?.textContent ?? ''")
        if name in row:
            page.keyboard.press("Space")
            return
    raise AssertionError(f"{name} is not reached with Tab")


def assert_calls_of_entry(requests: list[dict[str, Any]], key: str) -> None:
    """Identify and Track as a step sends them by default: the key in both, booleans, the track as Audience Entered."""
    for request in requests:
        body = request["body"]
        assert body["context"]["personas"]["computation_key"] == key
        shown = body["traits"] if body["type"] == "identify" else body["properties"]
        assert shown == ({key: True} if body["type"] == "identify" else {key: True, "audience_key": key})
        assert body["type"] == "identify" or body["event"] == "Audience Entered"


def build_in_outline(page: Page) -> None:
    """The seed's flow by forms and links alone: entry condition, Opened email, Mail tool."""
    page.get_by_test_id("outline.item").get_by_role("link").first.click()
    page.get_by_test_id("builder.add").click()
    page.get_by_test_id("builder.add-event").click()
    page.get_by_test_id("builder.event").fill("Order Completed")
    page.get_by_test_id("step.name").fill("Buyers")
    page.get_by_test_id("step.save").click()
    expect(page.get_by_test_id("outline.item")).to_contain_text("Performed “Order Completed”")
    page.get_by_test_id("outline.add").click()
    page.get_by_test_id("add.send_to_destinations").click()
    page.get_by_test_id("step.name").fill("Opened email")
    page.get_by_test_id("step.save").click()
    expect(page.get_by_test_id("step.key").locator("code")).to_have_text(
        re.compile("^j_o_without_script__opened_email_")
    )
    page.get_by_test_id("step.connect").click()
    page.get_by_label("Mail tool").check()
    page.get_by_test_id("choose.submit").click()
    page.get_by_test_id("step-destination.save").click()
    expect(page.get_by_test_id("outline")).to_contain_text("Mail tool")
    expect(page.get_by_test_id("builder.problems")).to_have_text("No problems")


def set_up_in_the_old_format(form: Locator) -> None:
    """Track alone, text values and no audience_key; Customized Setup reveals the mappings and is taken back."""
    expect(form.get_by_test_id("connection.default")).to_be_checked()
    expect(form.get_by_role("button", name="Add Trait")).to_be_hidden()
    form.get_by_text("Customized Setup").click()
    expect(form.get_by_role("button", name="Add Trait")).to_be_visible()
    form.get_by_text("Default Setup").click()
    form.get_by_label("Send Identify").uncheck()
    form.get_by_text("Payload format").click()
    form.get_by_text("Text", exact=True).click()
    form.get_by_label("Include audience_key").uncheck()


def dry_run(page: Page, step: str) -> None:
    """Over the period that is offered: somebody enters, and the numbers are on the card of the step."""
    page.get_by_test_id("builder.dry-run").click()
    page.get_by_test_id("dry_run.start").click()
    expect(page.get_by_test_id("dry_run.result")).to_be_visible()
    entered = page.get_by_test_id("dry_run.entered").locator(".stat__value").inner_text()
    assert int(entered) > 0
    expect(card(page, step)).to_contain_text(f"{entered} entered")


PAGES = [
    ("builder", "journeys/{draft}/builder/"),
    ("step", "journeys/{draft}/builder/?panel=step:send"),
    ("outline", "journeys/{draft}/outline/"),
    ("chooser", "journeys/{draft}/steps/send/destinations/"),
    ("destination", "journeys/{draft}/steps/send/destinations/{mail}/"),
    ("test", "journeys/{draft}/test/"),
    ("dry run", "journeys/{draft}/dry-run/"),
    ("review", "journeys/{draft}/review/"),
    ("overview", "journeys/{live}/"),
    ("runs", "journeys/{live}/runs/?show=entered"),
]

# The colors of a theme are there with the next frame but one.
SETTLED = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def findings_by_look(page: Page, sizes: tuple[ViewportSize, ...]) -> list[tuple[Any, ...]]:
    """What axe finds serious or critical, at each size, light and dark."""
    found: list[tuple[Any, ...]] = []
    for size in sizes:
        page.set_viewport_size(size)
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
            page.evaluate(SETTLED)
            found += [
                (size["width"], theme, each["id"], [node["html"] for node in each["nodes"]])
                for each in serious(findings(page))
            ]
    return found
