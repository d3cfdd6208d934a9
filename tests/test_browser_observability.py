"""The debugger and the Delivery Overview in a real browser: what comes in and goes out, and every number opened."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import Complaints, findings, overflow, serious
from tests.browser_steps import connect, make_audience, make_destination, order_twice, space_of
from tests.product import Product

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def refusing(product: Product) -> dict[str, Any]:
    """A destination that answered 400 to every call of its audience, and has nothing left to do."""
    audience = make_audience(product, "Refused")
    destination = make_destination(product, "Refusing CRM", f"{product.url}/echo/refusing?status=400")
    connect(product, audience, destination)
    where = f"{space_of(product)}/delivery-overview/?destination={destination['id']}&passed=0"
    product.wait("calls", lambda: product.api("GET", where)["steps"][0]["count"] > 0)
    product.wait_idle()
    return destination


@pytest.fixture
def page(chromium: Browser, product: Product, signed_in: Any) -> Iterator[Page]:
    complaints = Complaints()
    context = chromium.new_context(
        base_url=product.url, viewport={"width": 1440, "height": 900}, storage_state=signed_in
    )
    opened = context.new_page()
    complaints.listen(opened)
    yield opened
    context.close()
    assert complaints.take() == []


def home(product: Product) -> str:
    return f"/s/{product.demo['space']}/"


def whole(text: str | None) -> int:
    return int((text or "").replace(",", ""))


def test_a_number_of_the_overview_opens_exactly_its_messages(
    page: Page, product: Product, refusing: dict[str, Any]
) -> None:
    """W085: from the step to the reason, its samples, and the list as long as the number; F043: the note."""
    page.goto(f"{home(product)}destinations/{refusing['id']}/")
    page.get_by_test_id("tabs").get_by_role("link", name="Delivery", exact=True).click()
    expect(page.get_by_test_id("overview.unaccounted")).to_have_text("0")
    expect(page.get_by_test_id("overview.routing-note")).to_contain_text("expected under Filtered at destination")
    page.get_by_role("link", name="Counts").click()

    page.get_by_test_id("overview.step").filter(has_text="Failed delivery").get_by_role("link").click()
    reason = page.get_by_test_id("overview.reason").filter(has_text="400")
    reason.get_by_test_id("overview.samples").click()

    expect(page.get_by_test_id("overview.sample-row").locator("details").first).to_be_visible()
    assert page.get_by_test_id("overview.sample-row").locator("details:has(summary a)").count() <= 10
    count = whole(reason.get_by_test_id("overview.reason-count").text_content())
    reason.get_by_test_id("overview.reason-count").click()
    expect(page.get_by_test_id("messages.list")).to_have_attribute("data-total", str(count))
    shown = page.get_by_test_id("delivery.call").count()
    while page.get_by_role("link", name="Next").count():
        page.get_by_role("link", name="Next").click()
        page.wait_for_load_state()
        shown += page.get_by_test_id("delivery.call").count()
    assert shown == count > 0


def test_incoming_messages_arrive_and_wait_while_paused(page: Page, product: Product) -> None:
    """W001, W023: calls are visible at once; Pause keeps the list still and counts what is new."""
    page.goto(f"{home(product)}settings/debugger/incoming/")
    expect(page.get_by_test_id("debugger.pause")).to_be_visible()
    order_twice(product, ["live-1"])
    first = page.get_by_test_id("debugger.row").first
    expect(first).to_contain_text("live-1")

    page.get_by_test_id("debugger.pause").click()
    order_twice(product, ["paused-1", "paused-2"])

    expect(page.get_by_test_id("debugger.new")).to_have_text("4 new")
    expect(first).to_contain_text("live-1")
    page.get_by_test_id("debugger.new").click()
    expect(first).to_contain_text("paused-2")
    first.get_by_role("link").click()
    detail = page.get_by_test_id("debugger.detail")
    expect(detail).to_contain_text("analytics.track")
    detail.get_by_test_id("debugger.tab").filter(has_text="Raw").click()
    expect(detail.get_by_role("region", name="Full JSON")).to_contain_text('"event": "Order Completed"')
    page.reload()
    expect(page.get_by_test_id("debugger.detail")).to_be_visible()
    detail.get_by_test_id("debugger.profile").click()
    expect(page).to_have_url(re.compile("/profiles/"))


def test_outgoing_calls_by_engage_source(page: Page, product: Product, refusing: dict[str, Any]) -> None:
    """F028, F031, F032, W024: Unify settings, Debugger: the Engage sources, their calls, full JSON, violations."""
    page.goto(f"{home(product)}settings/")
    page.get_by_test_id("tabs").get_by_role("link", name="Debugger").click()
    source = page.get_by_test_id("debugger.source").filter(has_text="Refusing CRM")
    expect(source).to_contain_text("Engage (")
    source.click()
    page.get_by_label("Status").select_option("failed")
    expect(page).to_have_url(re.compile("status=failed"))

    page.get_by_test_id("debugger.row").first.get_by_role("link").click()
    detail = page.get_by_test_id("debugger.detail")
    detail.get_by_test_id("debugger.tab").filter(has_text="Violations").click()

    expect(detail.get_by_test_id("debugger.violation")).to_contain_text("400")
    detail.get_by_test_id("debugger.tab").filter(has_text="Raw").click()
    expect(detail.get_by_role("region", name="Full JSON")).to_contain_text('"All": false')
    detail.get_by_test_id("debugger.tester").click()
    expect(page).to_have_url(re.compile("/tester/send/"))


@pytest.mark.parametrize(
    "path",
    [
        "delivery/?step=failed",
        "delivery/overview/messages/?step=failed",
        "settings/debugger/",
        "settings/debugger/incoming/",
    ],
)
@pytest.mark.parametrize("width", [1440, 390])
def test_pages_are_accessible_and_fit(page: Page, product: Product, path: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(home(product) + path)

    assert serious(findings(page)) == []
    assert overflow(page) <= 0
