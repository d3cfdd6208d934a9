"""Audiences in a real browser: every kind of condition, moving rows, preview, explain, folders and CSV files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, ViewportSize, expect

from tests.browser import Complaints, findings, overflow, serious
from tests.browser_steps import live_audience, make_audience, open_audience, space_of
from tests.product import Product

pytestmark = pytest.mark.browser

WIDE: ViewportSize = {"width": 1440, "height": 1000}
NARROW: ViewportSize = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def buyers(product: Product) -> dict[str, Any]:
    """A Live audience of those who ordered at least twice."""
    return make_audience(product, "Loyal buyers")


@pytest.fixture
def context(chromium: Browser, product: Product, signed_in: Any) -> Iterator[BrowserContext]:
    opened = chromium.new_context(base_url=product.url, viewport=WIDE, storage_state=signed_in, accept_downloads=True)
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    complaints = Complaints()
    opened = context.new_page()
    complaints.listen(opened)
    yield opened
    assert complaints.take() == []


def settled(page: Page) -> None:
    """Until what was asked of the server is on the page."""
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)


TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


@contextmanager
def answered(page: Page) -> Iterator[None]:
    """Do something that posts the builder's form, and wait until the answer is shown."""
    with page.expect_response(lambda response: asks(response.request)):
        yield
    settled(page)


def asks(request: Request) -> bool:
    """A post that is not the builder's own saving."""
    return request.method == "POST" and "op=keep" not in (request.post_data or "")


def add(page: Page, kind: str, group: str = "n") -> None:
    """A row of a kind at the end of a group."""
    with answered(page):
        page.locator(f"[id='{group}.add']").click()
        page.locator(f"[id='{group}.menu']").get_by_test_id(f"builder.add-{kind}").click()


def choose(page: Page, name: str, value: str) -> None:
    """A select on which other fields depend."""
    with answered(page):
        page.locator(f"[id='{name}']").select_option(value)


def test_every_kind_of_condition_is_built_previewed_and_created(
    page: Page, product: Product, buyers: dict[str, Any]
) -> None:
    """W026 each type of condition, W027 counts, W028 windows, W030 funnels, W007 pages; F138 skip destinations."""
    page.goto(f"/s/{product.demo['space']}/audiences/new/")
    page.get_by_test_id("builder.event").fill("Order Completed")
    choose(page, "n-0.window", "within")
    page.locator("[id='n-0.amount']").fill("90")
    with answered(page):
        page.get_by_test_id("builder.add-property").click()
    page.locator("[id='n-0.p0.name']").fill("revenue")
    choose(page, "n-0.p0.operator", "greater_than")
    page.locator("[id='n-0.p0.value']").fill("1")
    with answered(page):
        page.get_by_test_id("builder.add-then").click()
    page.get_by_test_id("builder.then-event").fill("Product Viewed")
    page.locator("[id='n-0.then.performed']").select_option("0")
    add(page, "page")
    page.locator("[id='n-1.negated']").select_option("1")
    add(page, "trait")
    page.locator("[id='n-2.t.name']").fill("plan")
    choose(page, "n-2.t.operator", "exists")
    add(page, "audience")
    page.get_by_test_id("builder.audience").select_option(label="Loyal buyers")
    add(page, "identifier")
    page.locator("[id='n-4.identifier']").fill("email")
    add(page, "group")
    page.locator("[id='n-5-0.name']").fill("Signed Up")
    add(page, "screen", "n-5")
    with answered(page):
        page.get_by_test_id("builder.joiner").first.click()
    expect(page.get_by_test_id("builder.joiner").first).to_have_text("OR")

    page.get_by_test_id("builder.overlap-with").select_option(label="Loyal buyers")
    page.keyboard.press("Control+Enter")

    expect(page.get_by_test_id("builder.total")).to_be_visible()
    expect(page.get_by_test_id("builder.part")).to_have_count(6)
    expect(page.get_by_test_id("builder.overlap")).to_contain_text(f"of its {buyers['size']:,} members")
    total = page.get_by_test_id("builder.total").inner_text()
    page.get_by_test_id("builder.total").get_by_role("link").click()
    expect(page.get_by_test_id("people.total")).to_have_text(total)
    page.keyboard.press("Escape")
    page.get_by_test_id("builder.next").click()
    page.get_by_test_id("builder.next").click()
    page.get_by_test_id("builder.name").fill("Every kind")
    expect(page.get_by_test_id("builder.estimate")).to_have_text(total)
    page.get_by_test_id("builder.create").click()

    expect(page.get_by_test_id("audience.status")).to_contain_text("Live")
    expect(page.get_by_test_id("audience.size")).to_contain_text(total)
    made = next(
        row for row in product.api("GET", f"{space_of(product)}/audiences/")["results"] if row["name"] == "Every kind"
    )
    where = made["definition"]["where"]["any"]
    assert [next(iter(set(node) & KINDS)) for node in where] == [
        "event", "not", "trait", "audience", "identifier", "any",
    ]  # fmt: skip
    assert where[0]["then"] == {"event": "Product Viewed", "performed": False, "within": {"days": 1}}


KINDS = {"event", "not", "trait", "audience", "identifier", "any", "all"}


def test_a_menu_goes_along_with_its_button_and_closes_when_that_leaves(page: Page, product: Product) -> None:
    """What loads above may move the page while a menu is open; a click that was aimed at it has to reach it."""
    page.set_viewport_size({"width": 1280, "height": 400})
    page.goto(f"/s/{product.demo['space']}/audiences/new/")
    button, menu = page.locator("[id='n.add']"), page.locator("[id='n.menu']")
    button.click()
    expect(menu).to_be_visible()

    page.evaluate("scrollBy(0, 30)")
    page.evaluate(TWO_FRAMES)

    expect(menu).to_be_visible()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(menu).to_be_hidden()


def test_a_click_reaches_its_button_while_a_typed_name_is_still_looked_up(page: Page, product: Product) -> None:
    """A note that came on leaving the field would move the button from under the pressed mouse."""
    page.goto(f"/s/{product.demo['space']}/audiences/new/")
    page.route("**/observed.json*", lambda _route: None)  # no suggestion ever comes
    page.get_by_test_id("builder.event").fill("Order Completed")
    with answered(page):
        page.get_by_test_id("builder.add-then").click()
    page.get_by_test_id("builder.then-event").fill("Product Viewed")
    page.locator("[id='n-0.then.performed']").select_option("0")

    page.locator("[id='n.add']").hover()
    page.mouse.down()
    page.evaluate(TWO_FRAMES)
    page.mouse.up()

    expect(page.locator("[id='n.menu']")).to_be_visible()


def test_comparisons_steps_and_the_look_back_are_built(page: Page, product: Product) -> None:
    """W031 a property of the first event, W035 the look back; windows, a computed trait, a trait's value, a step."""
    page.goto(f"/s/{product.demo['space']}/audiences/new/")
    page.get_by_test_id("builder.event").fill("Product Viewed")
    choose(page, "n-0.window", "between")
    page.locator("[id='n-0.amount']").fill("60")
    page.locator("[id='n-0.end_amount']").fill("1")
    with answered(page):
        page.get_by_test_id("builder.add-then").click()
    page.get_by_test_id("builder.then-event").fill("Order Completed")
    with answered(page):
        page.get_by_test_id("builder.then").get_by_role("button", name="property").click()
    page.locator("[id='n-0.then.p0.name']").fill("product_id")
    choose(page, "n-0.then.p0.value_type", "parent")
    page.locator("[id='n-0.then.p0.value']").fill("product_id")
    add(page, "trait.computed")
    page.locator("[id='n-1.t.name']").fill("total_revenue")
    choose(page, "n-1.t.operator", "less_than")
    choose(page, "n-1.t.value_type", "trait")
    page.locator("[id='n-1.t.value']").fill("age")
    add(page, "step")
    page.locator("[id='n-2.step']").select_option(index=1)
    page.locator("[id='n-2.member']").select_option("0")
    add(page, "event")
    page.locator("[id='n-3.name']").fill("Order Completed")
    choose(page, "n-3.window", "since")
    page.locator("[id='n-3.instant']").fill("2020-01-31T00:00:00")
    page.get_by_test_id("builder.look-back").fill("90")

    page.get_by_test_id("builder.run").click()
    expect(page.get_by_test_id("builder.total")).to_be_visible()
    page.get_by_test_id("builder.show-json").click()
    shown = json.loads(page.get_by_test_id("builder.json").input_value())

    assert shown["look_back"] == {"days": 90}
    parts = shown["where"]["all"]
    assert parts[0]["window"] == {"between": {"from": {"days": 60}, "to": {"days": 1}}}
    assert parts[0]["then"]["properties"] == [{"property": "product_id", "equals": {"parent_property": "product_id"}}]
    assert parts[1] == {"trait": "total_revenue", "less_than": {"trait": "age"}}
    assert parts[2]["member"] is False
    assert parts[3]["window"] == {"since": "2020-01-31T00:00:00Z"}


def test_an_audience_of_accounts_asks_for_their_users(page: Page, product: Product) -> None:
    """W048: any, all or none of the users."""
    page.goto(f"/s/{product.demo['space']}/audiences/new/")
    choose(page, "id_collection", "accounts")
    add(page, "users")
    page.locator("[id='n-1.users']").select_option("none")
    page.locator("[id='n-1-0.name']").fill("Subscription Cancelled")
    with answered(page):
        page.locator("[id='n-0.row']").get_by_test_id("builder.remove").click()

    page.get_by_test_id("builder.run").click()
    expect(page.get_by_test_id("builder.total")).to_be_visible()
    page.get_by_test_id("builder.show-json").click()

    shown = json.loads(page.get_by_test_id("builder.json").input_value())
    assert shown["collection"] == "accounts"
    assert shown["where"] == {"all": [{"users": "none", "match": {"event": "Subscription Cancelled"}}]}


def test_rows_move_by_drag_and_by_keyboard(page: Page, product: Product) -> None:
    """ux.md §4: Alt+arrows move, D duplicates, Del removes; a grip drags a row into a group."""
    page.goto(f"/s/{product.demo['space']}/audiences/new/")
    page.get_by_test_id("builder.event").fill("First")
    add(page, "event")
    page.locator("[id='n-1.name']").fill("Second")
    add(page, "group")
    page.locator("[id='n-2-0.name']").fill("Third")

    page.locator("[id='n-1.row']").focus()
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator("[id='n-0.name']")).to_have_value("Second")
    expect(page.locator("[id='n-0.row']")).to_be_focused()

    page.keyboard.press("d")
    expect(page.locator("[id='n-1.name']")).to_have_value("Second")
    page.keyboard.press("Delete")
    expect(page.locator("[id='n-1.name']")).to_have_value("First")

    settled(page)
    grip = page.locator("[id='n-0.row'] > [data-grip]")
    page.locator("[id='n-2-0.row']").scroll_into_view_if_needed()
    page.evaluate(TWO_FRAMES)
    goal = page.locator("[id='n-2-0.row']").bounding_box()
    start = grip.bounding_box()
    assert goal is not None
    assert start is not None
    page.mouse.move(start["x"] + 5, start["y"] + 5)
    page.mouse.down()
    page.mouse.move(start["x"] + 20, start["y"] + 30, steps=4)
    page.mouse.move(goal["x"] + 80, goal["y"] + goal["height"] - 4, steps=8)
    page.mouse.up()

    expect(page.locator("[id='n-1-1.name']")).to_have_value("Second")
    expect(page.locator("[id='n-0.name']")).to_have_value("First")
    expect(page.locator("[id='n-1-0.name']")).to_have_value("Third")

    page.locator("[id='n-1-1.row']").focus()
    page.keyboard.press("Alt+ArrowDown")
    expect(page.locator("[id='n-2.name']")).to_have_value("Second")


def test_an_edit_is_compared_with_what_is_saved(page: Page, product: Product) -> None:
    """Preview: the change against the saved definition, each side a list; saving computes it; History tells."""
    edited = make_audience(product, "Edited buyers")
    open_audience(page, product, edited, "builder/")
    page.get_by_test_id("builder.count").fill("3")
    page.get_by_test_id("builder.run").click()
    expect(page.get_by_test_id("builder.entered")).to_have_text("+0")
    left = page.get_by_test_id("builder.left").inner_text()[1:]  # after the minus sign

    page.get_by_test_id("builder.left").click()

    expect(page.get_by_test_id("people.total")).to_have_text(left)
    page.keyboard.press("Escape")
    page.get_by_test_id("builder.person").first.get_by_role("link").click()
    expect(page.get_by_test_id("explain.verdict")).to_contain_text("would be a member")
    expect(page.get_by_test_id("explain.found").first).to_contain_text("needed")
    page.keyboard.press("Escape")
    page.get_by_test_id("builder.save").click()
    expect(page.get_by_test_id("audience.size")).to_contain_text(f"{edited['size'] - int(left.replace(',', '')):,}")
    page.get_by_role("link", name="History").click()
    expect(page.get_by_test_id("history.row").first).to_contain_text("at least 3 times")


def test_membership_is_explained_from_the_profile_and_from_the_audience(
    page: Page, product: Product, buyers: dict[str, Any]
) -> None:
    """Explain: the verdict, evidence with event times, and when it changes, for members and for others."""
    member = product.api("GET", f"{space_of(product)}/audiences/{buyers['id']}/members/?limit=1")["results"][0]
    answer = product.api("GET", f"{space_of(product)}/audiences/{buyers['id']}/explain/?profile={member['id']}")
    page.goto(f"/s/{product.demo['space']}/profiles/{member['id']}/?tab=audiences")

    row = page.get_by_test_id("profile.audience").filter(has_text="Loyal buyers")
    row.get_by_test_id("profile.explain").click()

    sheet = page.get_by_test_id("sheet")
    expect(sheet.get_by_test_id("explain.verdict")).to_have_attribute("data-member", "yes")
    counted = answer["where"]["children"][0]["facts"]["count"]
    expect(sheet.get_by_test_id("explain.event")).to_have_count(min(10, counted))
    expect(sheet.get_by_test_id("explain.flip")).to_contain_text("Stays in")
    assert (answer["is_member"], answer["stored"]) == (True, True)
    page.reload()
    expect(sheet.get_by_test_id("explain.verdict")).to_be_visible()
    page.keyboard.press("Escape")

    open_audience(page, product, buyers, "explain/")
    page.get_by_role("searchbox").fill("no such person")
    page.get_by_role("button", name="Explain").click()
    expect(page.get_by_test_id("explain.nobody")).to_be_visible()
    page.get_by_role("searchbox").fill(member["identifiers"]["user_id"][0])
    page.get_by_role("button", name="Explain").click()
    expect(page.get_by_test_id("explain.verdict")).to_contain_text("is a member")


def test_members_are_found_and_downloaded_as_csv(page: Page, product: Product, buyers: dict[str, Any]) -> None:
    """F139, W046: an audience that is connected to nothing downloads as CSV with its members."""
    open_audience(page, product, buyers, "members/")
    first = page.get_by_test_id("members.row").first
    email = first.locator("td").nth(1).inner_text().split(" ")[0]
    page.get_by_role("searchbox").fill(email)
    expect(page.get_by_test_id("members.row")).to_have_count(1)
    page.get_by_test_id("members.csv").click()
    page.get_by_label("plan", exact=True).check()

    page.get_by_test_id("export.generate").click()

    expect(page.get_by_test_id("export.download")).to_be_visible(timeout=30_000)
    with page.expect_download() as waiting:
        page.get_by_test_id("export.download").click()
    with open(waiting.value.path(), newline="", encoding="utf-8") as file:
        head, *rows = list(csv.reader(file))
    assert head[0] == "user_key"
    assert head[-1] == "plan"
    assert len(rows) == buyers["size"]
    assert any(email in row for row in rows)
    expect(page.get_by_test_id("export.generate")).to_be_disabled()


def test_folders_take_audiences(page: Page, product: Product, buyers: dict[str, Any]) -> None:
    """W043: create, move, disband."""
    page.goto(f"/s/{product.demo['space']}/audiences/")
    page.get_by_test_id("audiences.menu").click()
    page.get_by_test_id("audiences.new-folder").click()
    page.get_by_label("Name", exact=True).fill("Lifecycle")
    page.get_by_test_id("folder.save").click()
    expect(page.get_by_role("heading", name="Lifecycle")).to_be_visible()

    page.get_by_role("navigation", name="Folders").get_by_role("link", name="Main list").click()
    page.get_by_label("Select Loyal buyers").check()
    page.locator("#move-to").select_option(label="Lifecycle")
    page.get_by_test_id("audiences.move").click()
    page.get_by_test_id("audiences.folder").click()
    expect(page.get_by_test_id("audiences.row")).to_have_count(1)
    expect(page.get_by_test_id("audiences.row")).to_contain_text("Loyal buyers")

    page.get_by_test_id("audiences.menu").click()
    page.get_by_test_id("audiences.disband").click()
    page.get_by_role("button", name="Disband folder").click()
    expect(page.get_by_test_id("audiences.folder")).to_have_count(0)
    assert live_audience(product, buyers["id"]) is not None


TABS = ["", "builder/", "members/", "explain/", "export/", "consumers/", "history/", "settings/"]


@pytest.mark.parametrize("tab", TABS)
def test_pages_fit_and_have_no_serious_findings(
    context: BrowserContext, product: Product, buyers: dict[str, Any], tab: str
) -> None:
    complaints = Complaints()
    page = context.new_page()
    complaints.listen(page)
    page.goto(f"/s/{product.demo['space']}/audiences/{buyers['id']}/{tab}", wait_until="networkidle")

    said = complaints.take()
    found = [(finding["id"], finding["nodes"]) for finding in serious(findings(page))]
    page.set_viewport_size(NARROW)

    assert (said, found, overflow(page)) == ([], [], 0)
