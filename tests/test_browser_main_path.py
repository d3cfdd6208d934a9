"""The main path in a real browser against the whole product: build, connect, test, see it delivered."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from tests.browser import Complaints, findings, overflow, serious, sign_in
from tests.browser_steps import (
    BUYERS,
    build,
    calls_in,
    connect,
    echo,
    make_audience,
    make_destination,
    open_audience,
    open_tester,
    order_twice,
    people_in,
    row_of,
    space_of,
)
from tests.product import Product, free_port

pytestmark = pytest.mark.browser

WIDE: ViewportSize = {"width": 1440, "height": 900}
NARROW: ViewportSize = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def connected(product: Product) -> dict[str, str]:
    """The ids of an audience, a destination and the connection between them."""
    audience = make_audience(product, "Accessible")
    destination = make_destination(product, "Accessible CRM", f"{product.url}/echo/accessible")
    connection = connect(product, audience, destination)
    return {"audience": audience["id"], "destination": destination["id"], "connection": connection["id"]}


@pytest.fixture
def context(chromium: Browser, product: Product, signed_in: Any) -> Iterator[BrowserContext]:
    opened = chromium.new_context(
        base_url=product.url, viewport={"width": 1440, "height": 900}, storage_state=signed_in
    )
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page of the signed-in demo user; the browser must not have complained when the test is over."""
    complaints = Complaints()
    opened = context.new_page()
    complaints.listen(opened)
    yield opened
    assert complaints.take() == []


def test_main_path(page: Page, product: Product) -> None:
    """Build, preview, skip destinations, create, connect, see it delivered and moving, disconnect.

    F138 skip destinations, F140 and F145 all members are sent at once, F146 Overview, F147 + Add destination,
    F148 choose and connect, F149 the initial sync is visible, F150 the Destinations table, F153 Connected,
    F154 Disconnected, F156 and F157 Sync status.
    """
    destination = make_destination(product, "Main path CRM", f"{product.url}/echo/main-path")
    expected = product.api("POST", f"{space_of(product)}/audiences/preview/", {"definition": BUYERS})["count"]
    page.context.clear_cookies()
    sign_in(page, product)
    page.goto(f"/s/{product.demo['space']}/")

    page.get_by_role("navigation", name="Sections").get_by_role("link", name="Audiences").click()
    page.get_by_test_id("audiences.new").click()
    build(page, event="Order Completed", count="2")
    page.get_by_test_id("builder.run").click()
    expect(page.get_by_test_id("builder.total")).to_have_text(f"{expected:,}")
    page.get_by_test_id("builder.next").click()
    expect(page.get_by_test_id("builder.destination").filter(has_text="Main path CRM")).to_be_visible()
    page.get_by_test_id("builder.next").click()
    page.get_by_test_id("builder.name").fill("Main path")
    expect(page.get_by_test_id("builder.key")).to_have_value("main_path")
    expect(page.get_by_test_id("builder.estimate")).to_have_text(f"{expected:,}")
    page.get_by_test_id("builder.create").click()

    expect(page.get_by_role("heading", name="Main path", exact=True)).to_be_visible()
    expect(page.get_by_test_id("audience.status")).to_contain_text("Live")
    expect(page.get_by_test_id("audience.size")).to_contain_text(f"{expected:,}")
    expect(page.get_by_test_id("audience.destinations")).to_contain_text("Not sent anywhere yet")

    page.get_by_test_id("audience.add-destination").click()
    page.get_by_test_id("choose.row").filter(has_text="Main path CRM").click()
    expect(page.get_by_test_id("connect.form")).to_be_visible()
    page.get_by_test_id("connect.submit").click()

    expect(page.get_by_test_id("shell.toasts")).to_contain_text("The initial sync has begun")
    row = row_of(page, "Main path CRM")
    expect(row.get_by_test_id("audience.matching")).to_contain_text("1 mapping")
    expect(row.get_by_test_id("audience.destination-status")).to_have_text("Connected")
    expect(row.get_by_test_id("audience.sync-status")).to_contain_text("Live")
    product.wait("the first sync", lambda: len(people_in(echo(product, "main-path"))) == expected)
    product.wait_idle()
    received = echo(product, "main-path")
    assert received["repeated_message_ids"] == 0
    assert len(set(calls_in(received))) == received["total"]
    expect(row.get_by_test_id("audience.delivered")).to_have_text(f"{received['total']:,}")

    order_twice(product, [f"main-path-{number}" for number in range(5)])

    expect(page.get_by_test_id("audience.size")).to_contain_text(f"{expected + 5:,}")
    expect(row.get_by_test_id("audience.delivered")).to_have_text(f"{received['total'] + 10:,}")

    row.get_by_role("switch", name="Connect to destination").click()

    expect(row.get_by_role("switch")).to_have_attribute("aria-checked", "false")
    expect(row.get_by_test_id("audience.destination-status")).to_have_text("Disconnected")
    assert echo(product, "main-path")["total"] == received["total"] + 10
    assert destination["connector"] == "webhook"


def test_event_tester_shows_200_ok_and_the_response(page: Page, product: Product) -> None:
    """F013 open it, F015 its Event Types, F016 the test user id, F017 one real call, F018 in the Event lifecycle,
    F019 `200 OK` and the whole response, F021 no profile and no metric changes.
    """
    audience = make_audience(product, "Tested")
    destination = make_destination(product, "Tested CRM", f"{product.url}/echo/tested")
    connect(product, audience, destination)
    product.wait("the first sync", lambda: len(people_in(echo(product, "tested"))) == audience["size"])
    product.wait_idle()
    sent = echo(product, "tested")["total"]
    open_audience(page, product, audience)

    sheet = open_tester(page, "Tested CRM")
    types = sheet.get_by_test_id("tester.type")
    event = sheet.get_by_test_id("tester.event")
    before = json.loads(event.input_value())
    types.select_option(label="Track: Audience Exited")
    expect(event).to_have_value(re.compile('"Audience Exited"'))
    chosen = json.loads(event.input_value())
    sheet.get_by_test_id("tester.send").click()
    result = sheet.get_by_test_id("lifecycle.result")

    expect(result).to_contain_text("200 OK")
    expect(result).to_contain_text("The destination accepted the event.")
    expect(sheet.get_by_role("heading", name="Event lifecycle")).to_be_visible()
    assert types.locator("option").all_inner_texts() == [
        "Identify: entered",
        "Identify: exited",
        "Track: Audience Entered",
        "Track: Audience Exited",
    ]
    assert re.fullmatch(r"test-user-\w{6}", before["userId"])
    assert re.fullmatch(r"test-user-\w{6}", chosen["userId"])
    assert before["userId"] != chosen["userId"]
    requests = echo(product, "tested")["requests"]
    assert len(requests) == sent + 1
    assert requests[-1]["body"]["userId"] == chosen["userId"]
    expect(result.get_by_role("region", name="Response body")).to_contain_text(chosen["messageId"])
    assert product.api("GET", f"{space_of(product)}/profiles/?identifier={chosen['userId']}")["results"] == []
    assert product.api("GET", f"{space_of(product)}/audiences/{audience['id']}/")["size"] == audience["size"]
    page.reload()
    expect(row_of(page, "Tested CRM").get_by_test_id("audience.delivered")).to_have_text(f"{sent:,}")


@pytest.mark.parametrize(
    ("name", "path", "shown"),
    [
        ("Answers 503", "/echo/failing?status=503", ["503", "Response body", "tried again for 4 hours"]),
        ("Answers 400", "/echo/failing?status=400", ["400", "Response body"]),
    ],
)
def test_event_tester_shows_every_detail_of_a_refusal(
    page: Page, product: Product, name: str, path: str, shown: list[str]
) -> None:
    """F020: the status and all that is known of the error; the page goes on working."""
    destination = make_destination(product, name, f"{product.url}{path}")
    page.goto(f"/s/{product.demo['space']}/destinations/{destination['id']}/tester/")

    page.get_by_test_id("tester.send").click()
    result = page.get_by_test_id("lifecycle.result")

    expect(result).to_have_attribute("data-outcome", "failed")
    for text in shown:
        expect(result).to_contain_text(text)
    page.get_by_test_id("tester.generate").click()
    expect(page.get_by_test_id("tester.event")).to_have_value(re.compile("test-user-"))


def test_event_tester_says_why_a_destination_cannot_be_reached(page: Page, product: Product) -> None:
    """F020: no response at all is told with its code and reason."""
    destination = make_destination(product, "Nobody there", f"http://127.0.0.1:{free_port()}/")
    page.goto(f"/s/{product.demo['space']}/destinations/{destination['id']}/tester/")

    page.get_by_test_id("tester.send").click()
    result = page.get_by_test_id("lifecycle.result")

    expect(result).to_have_attribute("data-outcome", "failed")
    expect(result).to_contain_text("There was no response.")
    expect(result).to_contain_text("ECONNREFUSED")
    expect(result).to_contain_text("127.0.0.1 refused the connection. Is the port right and the server up?")


def test_disabled_audience_and_destination_show_disabled(page: Page, product: Product) -> None:
    """F154 one of the two off: Disconnected; F155 both off: Disabled, F157 with a Sync status of the six."""
    audience = make_audience(product, "Switched off")
    destination = make_destination(product, "Off CRM", f"{product.url}/echo/off")
    connect(product, audience, destination)
    open_audience(page, product, audience)
    row = row_of(page, "Off CRM")
    expect(row.get_by_test_id("audience.destination-status")).to_have_text("Connected")

    product.api("PATCH", f"{space_of(product)}/destinations/{destination['id']}/", {"enabled": False})
    expect(row.get_by_test_id("audience.destination-status")).to_have_text("Disconnected")
    open_audience(page, product, audience, "settings/")
    page.get_by_role("switch", name="Compute and send").click()
    open_audience(page, product, audience)

    expect(row.get_by_test_id("audience.destination-status")).to_have_text("Disabled")
    expect(row.get_by_test_id("audience.sync-status")).to_have_text("Disabled")


def test_list_destination_has_no_event_tester(page: Page, product: Product) -> None:
    """F014: the sheet of a list says so."""
    listing = product.api("GET", f"{space_of(product)}/audiences/")["results"]
    audience = next(found for found in listing if found["name"] == "Repeat buyers")
    open_audience(page, product, audience)

    row_of(page, "Ad platform list").get_by_role("link", name="Ad platform list", exact=True).click()
    page.get_by_test_id("sheet").get_by_role("link", name="Event tester").click()

    expect(page.get_by_test_id("sheet")).to_contain_text("List destinations do not have an Event tester")
    expect(page.get_by_test_id("tester.form")).to_have_count(0)


def press_until(page: Page, key: str, test_id: str) -> None:
    """Press `key` until the focus is on (or in) the element; fails when it is never reached."""
    for _ in range(60):
        page.keyboard.press(key)
        if page.evaluate("id => document.activeElement.closest(`[data-test='${id}']`) !== null", test_id):
            return
    pytest.fail(f"{test_id} is not reached with {key}; the focus is on {focused(page)}")


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.outerHTML.slice(0, 200)"))


def test_main_path_with_the_keyboard_alone(page: Page, product: Product) -> None:
    """Sign in, build, preview, create, connect and test with Tab, Enter, Space and arrows."""
    make_destination(product, "AAA keyboard", f"{product.url}/echo/keyboard")
    page.context.clear_cookies()
    page.goto("/login/")
    page.get_by_label("E-mail").focus()

    page.keyboard.type(product.demo["email"])
    page.keyboard.press("Tab")
    page.keyboard.type(product.demo["password"])
    page.keyboard.press("Enter")
    expect(page.get_by_role("navigation", name="Sections")).to_be_visible()
    page.goto(f"/s/{product.demo['space']}/audiences/")
    press_until(page, "Tab", "audiences.new")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("builder.form")).to_be_visible()
    press_until(page, "Tab", "builder.event")
    page.keyboard.type("Order Comp")
    expect(page.get_by_role("option", name="Order Completed")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("builder.event")).to_have_value("Order Completed")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("builder.total")).to_be_visible()
    press_until(page, "Tab", "builder.next")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("builder.destinations")).to_be_visible()
    press_until(page, "Tab", "builder.next")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("builder.review")).to_be_visible()
    press_until(page, "Tab", "builder.name")
    page.keyboard.type("By keyboard")
    expect(page.get_by_test_id("builder.key")).to_have_value("by_keyboard")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("audience.overview")).to_be_visible()

    press_until(page, "Tab", "audience.add-destination")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("choose.row").first).to_contain_text("AAA keyboard")
    press_until(page, "Tab", "choose.row")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("connect.form")).to_be_visible()
    press_until(page, "Tab", "connect.submit")
    page.keyboard.press("Enter")
    expect(row_of(page, "AAA keyboard").get_by_test_id("audience.destination-status")).to_have_text("Connected")

    press_until(page, "Tab", "audience.destination")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("connection.settings")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("sheet")).to_have_count(0)
    expect(row_of(page, "AAA keyboard").get_by_role("link", name="AAA keyboard", exact=True)).to_be_focused()


def test_audience_without_javascript(unscripted: Page, product: Product) -> None:
    """Every form and link of the path works as plain HTML."""
    page = unscripted
    expected = product.api("POST", f"{space_of(product)}/audiences/preview/", {"definition": BUYERS})["count"]
    page.goto(f"/s/{product.demo['space']}/audiences/")

    page.get_by_test_id("audiences.new").click()
    page.get_by_test_id("builder.event").fill("Order Completed")
    page.get_by_test_id("builder.count").fill("2")
    page.get_by_test_id("builder.run").click()
    expect(page.get_by_test_id("builder.total")).to_have_text(f"{expected:,}")
    page.get_by_test_id("builder.next").click()
    page.get_by_test_id("builder.next").click()
    page.get_by_test_id("builder.name").fill("Without script")
    page.get_by_test_id("builder.create").click()

    expect(page.get_by_role("heading", name="Without script", exact=True)).to_be_visible()
    listing = product.api("GET", f"{space_of(product)}/audiences/")["results"]
    assert [found["key"] for found in listing if found["name"] == "Without script"] == ["without_script"]


PAGES = [
    "audiences/",
    "audiences/new/",
    "audiences/{audience}/",
    "audiences/{audience}/settings/",
    "audiences/{audience}/members/",
    "audiences/{audience}/builder/",
    "audiences/{audience}/destinations/add/",
    "audiences/{audience}/connections/{connection}/?tab=tester",
    "destinations/{destination}/tester/",
    "delivery/",
]


@pytest.mark.parametrize("path", PAGES)
def test_page_of_the_path_is_accessible(
    context: BrowserContext, product: Product, connected: dict[str, str], path: str
) -> None:
    """axe finds nothing serious or critical, the browser does not complain, nothing is wider than a phone."""
    complaints = Complaints()
    page = context.new_page()
    complaints.listen(page)
    page.goto(f"/s/{product.demo['space']}/{path.format(**connected)}", wait_until="networkidle")

    said = complaints.take()
    found = [(finding["id"], finding["nodes"]) for finding in serious(findings(page))]
    page.set_viewport_size(NARROW)

    assert (said, found, overflow(page)) == ([], [], 0)
