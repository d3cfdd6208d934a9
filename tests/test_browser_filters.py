"""Destination filters and functions in a real browser against the whole product."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.browser import findings, overflow, serious, sign_in
from tests.browser_steps import make_destination, space_of
from tests.product import Product

pytestmark = pytest.mark.browser

WIDE: ViewportSize = {"width": 1440, "height": 900}
NARROW: ViewportSize = {"width": 390, "height": 844}
CODE = """async function onTrack(event, settings) {
  const answer = await fetch(settings.endpoint, { method: "POST", body: event.context.personas.computation_key });
  console.log("answered", answer.status);
}
"""


@pytest.fixture
def page(chromium: Browser, product: Product) -> Iterator[Page]:
    context = chromium.new_context(viewport=WIDE, base_url=product.url)
    opened = context.new_page()
    sign_in(opened, product)
    yield opened
    context.close()


def test_a_filter_is_built_judged_saved_and_obeyed_by_the_tester(page: Page, product: Product) -> None:
    """F037: a destination filter on `context.personas.computation_key` drops matching calls."""
    destination = make_destination(product, "Filtered CRM", f"{product.url}/echo/filtered")
    base = f"/s/{product.demo['space']}/destinations/{destination['id']}/"
    page.goto(f"{base}filters/new/")

    row = page.get_by_test_id("filter.rows").get_by_role("listitem").first
    row.get_by_label("Field").fill("context.personas.computation_key")
    row.get_by_label("Value").fill("sample_audience")
    expect(page.get_by_label("Condition", exact=True)).to_have_value(
        'context.personas.computation_key = "sample_audience"'
    )
    expect(page.get_by_test_id("filter.verdict")).to_have_attribute("data-state", "stopped")
    page.get_by_label("What it does").select_option("DROP_PROPERTIES")
    page.get_by_label("Fields").fill("userId")
    expect(page.get_by_test_id("filter.verdict")).to_have_attribute("data-state", "changed")
    page.get_by_label("What it does").select_option("DROP")
    page.get_by_role("textbox", name="Name", exact=True).fill("Not the sample")
    page.get_by_test_id("filter.save").click()

    expect(page.get_by_test_id("filters.row")).to_contain_text("Not the sample")
    page.goto(f"{base}tester/")
    page.get_by_test_id("tester.send").click()
    expect(page.get_by_test_id("lifecycle.result")).to_have_attribute("data-outcome", "delivered")
    expect(page.get_by_test_id("stages")).to_contain_text("The filter “Not the sample” stops the event")
    page.get_by_test_id("tester.filters").check()
    page.get_by_test_id("tester.send").click()
    expect(page.get_by_test_id("lifecycle.result")).to_have_attribute("data-outcome", "filtered")


def test_a_function_is_written_tried_saved_and_added_as_a_destination(page: Page, product: Product) -> None:
    """F038: destination functions; F039: one receives `event.context.personas`."""
    base = f"/s/{product.demo['space']}/functions/"
    page.goto(f"{base}new/")
    page.get_by_role("textbox", name="Name", exact=True).fill("Loyalty card")
    page.get_by_role("textbox", name="Code").fill(CODE)
    page.get_by_label("Key of setting 2").fill("")
    page.get_by_test_id("function.value").first.fill(f"{product.url}/echo/loyalty")
    page.locator("#function-sample").select_option("track-enter")
    page.get_by_role("button", name="Generate sample").click()

    page.get_by_test_id("function.run").click()

    outcome = page.get_by_test_id("function.outcome")
    expect(outcome).to_have_attribute("data-outcome", "delivered")
    expect(outcome).to_contain_text("answered 200")
    expect(outcome).to_contain_text("sample_audience")
    page.get_by_test_id("function.save").click()
    expect(page.get_by_test_id("function.version")).to_have_count(1)
    page.get_by_test_id("function.connect").click()
    page.get_by_label("Endpoint").fill(f"{product.url}/echo/loyalty")
    page.get_by_role("button", name="Add destination").click()
    expect(page.get_by_role("heading", name="Loyalty card", level=1)).to_be_visible()
    made: list[dict[str, Any]] = product.api("GET", f"{space_of(product)}/destinations/")["results"]
    assert [one["settings"] for one in made if one["name"] == "Loyalty card"] == [
        {"endpoint": f"{product.url}/echo/loyalty"}
    ]


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_pages_are_clean_for_axe_and_fit(page: Page, product: Product, size: ViewportSize) -> None:
    destination = make_destination(product, f"Clean CRM {size['width']}", f"{product.url}/echo/clean")
    space = f"/s/{product.demo['space']}/"
    page.set_viewport_size(size)
    found: dict[str, Any] = {}

    for path in (
        f"destinations/{destination['id']}/filters/",
        f"destinations/{destination['id']}/filters/new/",
        "functions/",
        "functions/new/",
        "settings/filters/",
        "settings/filters/new/",
    ):
        page.goto(space + path)
        found[path] = (overflow(page), serious(findings(page)))

    assert {path: result for path, result in found.items() if any(result)} == {}
