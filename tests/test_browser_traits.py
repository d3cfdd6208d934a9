"""A computed trait in a browser: built, previewed, created with a destination, kept true, read, edited, deleted."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import Complaints, findings, overflow, serious, sign_in
from tests.browser_steps import echo, space_of
from tests.product import Product

pytestmark = pytest.mark.browser

REVENUE = {
    "version": 1,
    "collection": "users",
    "kind": "aggregation",
    "aggregate": "sum",
    "event": {"event": "Order Completed"},
    "property": "revenue",
}


@pytest.fixture
def page(chromium: Browser, product: Product) -> Iterator[Page]:
    """A page of the signed-in demo user; the browser must not have complained when the test is over."""
    context = chromium.new_context(base_url=product.url, viewport={"width": 1440, "height": 900})
    complaints = Complaints()
    opened = context.new_page()
    complaints.listen(opened)
    sign_in(opened, product)
    yield opened
    assert complaints.take() == []
    context.close()


def spend(product: Product, people: list[str]) -> None:
    """An order of 10 by each person, as an SDK sends them."""
    order = {"type": "track", "event": "Order Completed", "properties": {"revenue": 10}}
    secret = base64.b64encode(f"{product.demo['write_key']}:".encode()).decode()
    batch = {"batch": [order | {"userId": person} for person in people]}
    product.request("POST", "/v1/batch", batch, {"Authorization": f"Basic {secret}"})


def traits(product: Product) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = product.api("GET", f"{space_of(product)}/traits/")["results"]
    return found


def test_a_trait_from_type_to_destination(page: Page, product: Product) -> None:
    """F060, F085, F088: type, event, window and value by hand; preview; its values reach the tool and stay true."""
    crm = {"name": "Trait CRM", "connector": "webhook_classic", "enabled": True}
    crm["settings"] = {"url": f"{product.url}/echo/trait-crm"}
    product.api("POST", f"{space_of(product)}/destinations/", crm)
    expected = product.api("POST", f"{space_of(product)}/traits/preview/", {"definition": REVENUE})["count"]
    page.goto(f"/s/{product.demo['space']}/")

    page.get_by_role("navigation", name="Sections").get_by_role("link", name="Computed traits").click()
    page.get_by_test_id("traits.new").click()
    page.get_by_test_id("trait-builder.kind-aggregation").check()
    field = page.get_by_test_id("trait-builder.event")
    field.click()
    field.press_sequentially("Order")
    page.get_by_role("option", name="Order Completed").click()
    value = page.get_by_test_id("trait-builder.value")
    value.click()
    value.press_sequentially("rev")
    page.get_by_role("option", name="revenue").click()
    page.get_by_test_id("trait-builder.run").click()
    expect(page.get_by_test_id("trait-builder.total")).to_have_text(f"{expected:,}")
    expect(page.get_by_test_id("trait-builder.distribution")).to_contain_text("Median")
    page.get_by_test_id("trait-builder.next").click()
    page.get_by_test_id("trait-builder.name").fill("Lifetime revenue")
    expect(page.get_by_test_id("builder.key")).to_have_value("lifetime_revenue")
    page.get_by_test_id("trait-builder.destination").filter(has_text="Trait CRM").get_by_role("checkbox").check()
    page.get_by_test_id("trait-builder.create").click()

    expect(page.get_by_test_id("trait.status")).to_contain_text("Live", timeout=60_000)
    expect(page.get_by_test_id("trait.size")).to_contain_text(f"{expected:,}", timeout=60_000)
    row = page.get_by_test_id("trait.destination").filter(has_text="Trait CRM")
    expect(row.get_by_test_id("trait.destination-status")).to_have_text("Connected")
    product.wait_idle()
    before = echo(product, "trait-crm")["total"]
    spend(product, [f"trait-{number}" for number in range(3)])
    expect(page.get_by_test_id("trait.size")).to_contain_text(f"{expected + 3:,}", timeout=60_000)
    product.wait_idle()
    assert before > 0
    assert echo(product, "trait-crm")["total"] >= before + 3

    page.get_by_role("link", name="Values", exact=True).click()
    expect(page.get_by_test_id("trait.histogram")).to_be_visible()
    expect(page.get_by_test_id("values.row").first).to_be_visible()
    page.get_by_test_id("values.explain").first.click()
    sheet = page.locator("#sheet")
    expect(sheet.get_by_test_id("explain.found")).to_contain_text("The sum of")
    expect(sheet.get_by_test_id("explain.event").first).to_be_visible()
    sheet.get_by_role("link", name="Open as a page").click()
    expect(page.get_by_test_id("explain.value")).to_be_visible()
    assert serious(findings(page)) == []


def test_problems_are_named_where_they_are(page: Page, product: Product) -> None:
    page.goto(f"/s/{product.demo['space']}/traits/new/")
    page.get_by_test_id("trait-builder.kind-first").check()
    expect(page.get_by_test_id("trait-builder.value")).to_be_visible()
    page.get_by_test_id("trait-builder.next").click()

    problems = page.get_by_test_id("builder.problems")
    expect(problems).to_contain_text("Give an event name.")
    problems.get_by_role("link", name="Value").click()
    expect(page.get_by_test_id("trait-builder.value")).to_be_focused()


def test_a_prediction_says_what_its_history_lacks(page: Page, product: Product) -> None:
    """W057: built by hand; a month of events of few people is refused, in the preview and in the training report."""
    page.goto(f"/s/{product.demo['space']}/traits/new/")
    page.get_by_test_id("trait-builder.kind-prediction").check()
    expect(page.get_by_test_id("trait-builder.horizon")).to_have_value("30")
    expect(page.get_by_label("When", exact=True)).to_have_count(0)
    field = page.get_by_test_id("trait-builder.event")
    field.click()
    field.press_sequentially("Order")
    page.get_by_role("option", name="Order Completed").click()
    page.get_by_test_id("trait-builder.people-did").check()
    page.get_by_test_id("trait-builder.run").click()
    expect(page.get_by_test_id("trait-builder.thin")).to_contain_text("60 days are needed")
    page.get_by_test_id("trait-builder.next").click()
    page.get_by_test_id("trait-builder.name").fill("Will order again")
    page.get_by_test_id("trait-builder.create").click()
    expect(page.get_by_test_id("trait.status")).to_contain_text("Failed", timeout=60_000)
    page.get_by_role("link", name="Training report").click()

    expect(page.get_by_test_id("prediction.page")).to_contain_text("60 days are needed, twice the horizon")
    expect(page.get_by_test_id("prediction.retrain")).to_be_enabled()
    assert serious(findings(page)) == []
    page.set_viewport_size({"width": 390, "height": 900})
    assert overflow(page) == 0


def people_with_user_ids(product: Product) -> list[tuple[str, str]]:
    """Segment ID and user ID of some people of the demo; the newest may all be anonymous."""
    found: list[tuple[str, str]] = []
    path = f"{space_of(product)}/profiles/?limit=200"
    while path and len(found) < 5:
        page = product.api("GET", path)
        found += [
            (row["id"], one["value"])
            for row in page["results"]
            for one in row["identities"]
            if one["type"] == "user_id"
        ]
        path = (page["next"] or "").partition("/api/v1/")[2]
    return found[:5]


def make_warehouse(product: Product, people: list[tuple[str, str]]) -> None:
    """A DuckDB file of these people and their loyalty tier, as a warehouse source named Shop."""
    folder = product.folder / "warehouses"
    folder.mkdir(exist_ok=True)
    with duckdb.connect(str(folder / "shop.duckdb")) as own:
        own.execute("CREATE TABLE customers (user_id VARCHAR, tier VARCHAR)")
        own.executemany("INSERT INTO customers VALUES (?, 'platinum')", [[user_id] for _, user_id in people])
    source = {"name": "Shop", "connector": "duckdb", "settings": {"path": "shop.duckdb"}}
    product.api("POST", f"{space_of(product)}/warehouses/", source)


def test_a_sql_trait_from_query_to_profile(page: Page, product: Product) -> None:
    """W056: warehouse, query, preview by hand; a mistake is named; the values are on profiles and explained there."""
    people = people_with_user_ids(product)
    make_warehouse(product, people)
    space = product.demo["space"]
    page.goto(f"/s/{space}/traits/sql/new/")
    page.get_by_label("Warehouse").select_option(label="Shop")
    query = page.get_by_role("textbox", name="Query")
    query.fill("SELECT user_id, loyalty FROM customers")
    page.get_by_test_id("sql.run-preview").click()
    expect(page.get_by_test_id("sql.preview")).to_contain_text("loyalty")
    expect(page.get_by_test_id("sql.rows")).to_have_count(0)

    query.fill("SELECT user_id, tier FROM customers")
    page.get_by_test_id("sql.run-preview").click()
    expect(page.get_by_test_id("sql.matched")).to_contain_text("5 of 5 rows")
    expect(page.get_by_test_id("sql.row").first).to_contain_text("platinum")
    page.get_by_role("textbox", name="Name").fill("Shop facts")
    times = page.get_by_role("textbox", name="Times of the day")
    expect(times).to_have_count(0)
    page.get_by_role("combobox", name="Run the query").focus()
    page.keyboard.type("At times")
    expect(times).to_be_visible()
    page.keyboard.press("Home")
    expect(times).to_have_count(0)
    page.get_by_test_id("sql.create").click()
    expect(page.get_by_test_id("sql.run")).to_have_attribute("data-state", "finished", timeout=60_000)

    page.goto(f"/s/{space}/profiles/{people[0][0]}/")
    trait = page.get_by_test_id("profile.computed-trait").filter(has_text="Shop facts")
    expect(trait).to_contain_text("platinum")
    trait.get_by_test_id("profile.explain-trait").click()
    sheet = page.locator("#sheet")
    expect(sheet.get_by_test_id("explain.found")).to_contain_text("The last run returned a row")
    expect(sheet.get_by_test_id("explain.identifiers")).to_contain_text(people[0][1])


@pytest.mark.parametrize("width", [1440, 390])
def test_pages_fit_and_are_accessible(page: Page, product: Product, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    trait = next(row for row in traits(product) if row["name"] == "Total revenue")
    base = f"/s/{product.demo['space']}/traits/"
    wrong: dict[str, Any] = {}
    for path in ("", "new/", *(f"{trait['id']}/{tab}" for tab in ("", "builder/", "values/", "explain/", "settings/"))):
        page.goto(base + path)
        page.wait_for_load_state("networkidle")
        found = [*serious(findings(page)), *([overflow(page)] if overflow(page) > 0 else [])]
        if found:
            wrong[path] = found
    assert wrong == {}
