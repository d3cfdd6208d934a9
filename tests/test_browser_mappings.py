"""Mappings in a real browser: from an audience to the editor and back; edited, compared, tested and enabled."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser import Complaints, findings, overflow, serious
from tests.browser_steps import (
    connect,
    echo,
    make_audience,
    make_destination,
    open_audience,
    row_of,
    space_of,
)
from tests.product import Product

pytestmark = pytest.mark.browser


@pytest.fixture
def context(chromium: Browser, product: Product, signed_in: Any) -> Iterator[BrowserContext]:
    opened = chromium.new_context(
        base_url=product.url, viewport={"width": 1440, "height": 1000}, storage_state=signed_in
    )
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    complaints = Complaints()
    opened = context.new_page()
    complaints.listen(opened)
    yield opened
    assert complaints.take() == []


def mappings_of(product: Product, destination: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = product.api("GET", f"{space_of(product)}/destinations/{destination['id']}/mappings/")[
        "results"
    ]
    return found


def open_editor(page: Page, product: Product, destination: dict[str, Any], mapping: dict[str, Any]) -> None:
    page.goto(f"/s/{product.demo['space']}/destinations/{destination['id']}/mappings/{mapping['id']}/")
    expect(page.get_by_test_id("mapping.form")).to_be_visible()


def test_from_an_audience_to_a_new_mapping_and_back(page: Page, product: Product) -> None:
    """F160 the side panel of a destination, F161 Matching mappings, F162 Add Mapping lists the actions, F163 the
    destination's Mappings tab with Save, F164 back in the side panel with the new mapping.
    """
    audience = make_audience(product, "Panel")
    destination = make_destination(product, "Panel CRM", f"{product.url}/echo/panel")
    connect(product, audience, destination)
    product.wait_idle()
    open_audience(page, product, audience)

    row_of(page, "Panel CRM").get_by_role("link", name="Panel CRM", exact=True).click()
    sheet = page.get_by_test_id("sheet")
    sheet.get_by_role("link", name="Matching mappings").click()
    expect(sheet.get_by_test_id("connection.mapping")).to_have_count(1)
    sheet.get_by_test_id("mappings.add").click()
    page.get_by_test_id("mappings.action").filter(has_text="Send").click()

    expect(page.get_by_role("navigation", name="Destination").get_by_role("link", name="Mappings")).to_have_attribute(
        "aria-current", "page"
    )
    page.get_by_role("textbox", name="Name", exact=True).fill("Entered only")
    page.get_by_test_id("mapping.mode-text").click()
    page.get_by_test_id("mapping.trigger").fill('type = "track" and event = "Audience Entered"')
    page.get_by_test_id("mapping.sample-type").select_option(label="Track: Audience Entered")
    page.get_by_test_id("mapping.generate").click()
    expect(page.get_by_test_id("mapping.verdict")).to_have_text("Matches")
    page.get_by_test_id("mapping.save").click()

    expect(page).to_have_url(re.compile(r"/audiences/[^/]+/\?panel=mappings(:|%3A)"))
    expect(sheet.get_by_test_id("connection.mapping")).to_have_count(2)
    expect(sheet.get_by_test_id("connection.mapping").filter(has_text="Entered only")).to_contain_text("Disabled")
    expect(row_of(page, "Panel CRM").get_by_test_id("audience.matching")).to_contain_text("1 enabled, 1 disabled")


def test_a_mapping_is_duplicated_with_its_configuration(page: Page, product: Product) -> None:
    """F165."""
    destination = make_destination(product, "Duplicate CRM", f"{product.url}/echo/duplicate")
    original = mappings_of(product, destination)[0]
    page.goto(f"/s/{product.demo['space']}/destinations/{destination['id']}/mappings/")

    page.get_by_test_id("mappings.menu").click()
    page.get_by_test_id("mappings.duplicate").click()

    copy = page.get_by_test_id("mappings.row").filter(has_text=f"{original['name']} (Copy)")
    expect(copy.get_by_role("switch")).to_have_attribute("aria-checked", "false")
    made = mappings_of(product, destination)[1]
    assert [made[key] for key in ("trigger", "fields", "enrichments", "enabled")] == [
        *(original[key] for key in ("trigger", "fields", "enrichments")),
        False,
    ]


def test_a_mapping_is_edited_tested_and_enabled(page: Page, product: Product) -> None:
    """ux.md §6: builder and text, picker, suggestions, resolved values, Save and enable."""
    destination = make_destination(product, "Edit CRM", f"{product.url}/echo/edit")
    page.goto(f"/s/{product.demo['space']}/destinations/{destination['id']}/mappings/new/")
    page.get_by_role("textbox", name="Name", exact=True).fill("Orders")

    rows = page.get_by_test_id("mapping.rows")
    rows.get_by_label("What").select_option("event-type")
    rows.get_by_label("Value").fill("track")
    page.get_by_test_id("mapping.add-condition").click()
    rows.get_by_label("What").nth(1).select_option("event")
    rows.get_by_label("Value").nth(1).fill("Order Completed")
    page.get_by_test_id("mapping.mode-text").click()
    expect(page.get_by_test_id("mapping.trigger")).to_have_value('type = "track" and event = "Order Completed"')
    page.get_by_test_id("mapping.trigger").fill("type = 'track'")
    expect(page.get_by_test_id("mapping.trigger-marks")).to_contain_text("Use double quotes")
    page.get_by_test_id("mapping.trigger").fill(
        'type = "track" and (event = "Order Completed" or event = "Order Paid")'
    )
    expect(page.get_by_test_id("mapping.trigger-marks")).to_have_count(0)
    expect(page.get_by_test_id("mapping.mode-rows")).to_be_enabled()
    page.get_by_test_id("mapping.mode-rows").click()
    expect(rows.get_by_label("What")).to_have_count(3)

    page.get_by_test_id("mapping.recent").click()
    page.get_by_test_id("mapping.recent-event").first.click()
    expect(page.get_by_test_id("mapping.event")).to_have_value(re.compile('"event": "Order Completed"'))
    expect(page.get_by_test_id("mapping.verdict")).to_have_text("Matches")

    data = page.get_by_label("Data", exact=True)
    data.fill("")
    page.get_by_role("button", name="Insert into Data").click()
    page.get_by_label("Search the sample event").press_sequentially("properties")
    page.keyboard.press("Enter")
    expect(data).to_have_value("$.properties")
    expect(page.locator("#value-data")).to_contain_text("{")

    page.get_by_test_id("mapping.resolve").click()
    expect(page.get_by_test_id("mapping.payload")).to_have_value(re.compile('"method": "POST"'))
    page.get_by_test_id("mapping.payload").fill('{"method": "PUT", "data": {"by": "hand"}}')
    page.get_by_test_id("mapping.send").click()
    expect(page.get_by_test_id("mapping.test-result")).to_contain_text("200 OK")
    [request] = echo(product, "edit")["requests"]
    assert (request["method"], request["body"]) == ("PUT", {"by": "hand"})

    page.get_by_test_id("mapping.enable").click()
    expect(page.get_by_test_id("shell.toasts")).to_contain_text("Orders was saved and is enabled")
    made = mappings_of(product, destination)[1]
    assert (made["name"], made["enabled"]) == ("Orders", True)
    assert made["fields"]["data"] == {"@path": "$.properties"}
    assert made["trigger"] == 'type = "track" and (event = "Order Completed" or event = "Order Paid")'


def test_an_edit_of_a_live_mapping_is_compared_before_it_is_saved(page: Page, product: Product) -> None:
    """ux.md §6: old and new payload for recent events, changed paths only, by sign."""
    audience = make_audience(product, "Compared")
    destination = make_destination(product, "Compare CRM", f"{product.url}/echo/compare")
    connect(product, audience, destination)
    product.wait("calls were made", lambda: echo(product, "compare")["total"] > 0)
    product.wait_idle()
    mapping = mappings_of(product, destination)[0]
    open_editor(page, product, destination, mapping)

    page.get_by_role("combobox", name="Method").fill("PUT")
    page.get_by_test_id("mapping.compare").click()

    compared = page.get_by_test_id("mapping.compared")
    expect(compared).to_have_count(5)
    expect(compared.first).to_contain_text("1 changed path")
    expect(compared.first.locator(".is-removed")).to_contain_text('\u2212before: "POST"')
    expect(compared.first.locator(".is-added")).to_contain_text('+after: "PUT"')
    assert mappings_of(product, destination)[0]["fields"]["method"] == "POST"
    page.get_by_test_id("mapping.save").click()
    expect(page.get_by_test_id("shell.toasts")).to_contain_text("was saved")
    assert mappings_of(product, destination)[0]["fields"]["method"] == "PUT"


def test_a_received_event_becomes_the_sample_of_a_mapping_by_keyboard(page: Page, product: Product) -> None:
    destination = make_destination(product, "Sampled CRM", f"{product.url}/echo/sampled")
    name = mappings_of(product, destination)[0]["name"]
    secret = base64.b64encode(f"{product.demo['write_key']}:".encode()).decode()
    event = {"event": "Sampled Order", "userId": "sampled-1", "messageId": "sampled-message-1"}
    product.request("POST", "/v1/track", event, {"Authorization": f"Basic {secret}"})
    product.wait_idle()
    page.goto(f"/s/{product.demo['space']}/settings/debugger/incoming/?type=track&name=Sampled+Order")
    page.get_by_test_id("debugger.row").first.get_by_role("link").first.click()
    detail = page.get_by_test_id("debugger.detail")

    detail.get_by_test_id("debugger.sample").focus()
    page.keyboard.press("Enter")
    chosen = page.get_by_test_id("sample.destination").filter(has_text="Sampled CRM")
    expect(chosen).to_be_visible()
    assert serious(findings(page)) == []
    chosen.get_by_role("link", name=name).focus()
    page.keyboard.press("Enter")

    expect(page.get_by_test_id("mapping.event")).to_have_value(re.compile("sampled-message-1"))
    expect(page.get_by_test_id("mapping.form")).to_contain_text(name)
    page.set_viewport_size({"width": 390, "height": 844})
    page.go_back()
    expect(chosen).to_be_visible()
    assert overflow(page) == 0


def test_the_editor_works_by_keyboard_and_on_a_phone(page: Page, product: Product) -> None:
    destination = make_destination(product, "Small CRM", f"{product.url}/echo/small")
    open_editor(page, product, destination, mappings_of(product, destination)[0])

    page.get_by_role("button", name="Insert into Data").focus()
    page.keyboard.press("Enter")
    page.get_by_role("tab", name="Event").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Static")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("mapping.picker")).to_be_hidden()

    assert serious(findings(page)) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert overflow(page) == 0


def test_without_script_a_mapping_is_made_all_the_same(unscripted: Page, product: Product) -> None:
    """ux.md §1 rule 2."""
    destination = make_destination(product, "Plain CRM", f"{product.url}/echo/plain")
    page = unscripted
    page.goto(f"/s/{product.demo['space']}/destinations/{destination['id']}/mappings/new/")

    page.get_by_role("textbox", name="Name", exact=True).fill("By hand")
    page.get_by_label("Trigger as text").fill('type = "identify"')
    page.get_by_role("button", name="Generate").click()
    expect(page.get_by_test_id("mapping.verdict")).to_have_text("Matches")
    page.get_by_test_id("mapping.save").click()

    expect(page.get_by_test_id("mapping.form")).to_contain_text("Disabled")
    assert mappings_of(product, destination)[1]["name"] == "By hand"
