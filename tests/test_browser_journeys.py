"""Journeys in a real browser against the whole product: the seed's flow in three ways, the builder, accessibility."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from journeys.tests.definitions import big_journey
from tests.browser import Complaints, overflow
from tests.browser_journeys import (
    OPENED_EMAIL_KEY,
    PAGES,
    add_step,
    assert_calls_of_entry,
    build_in_outline,
    card,
    choose_by_keyboard,
    close_panel,
    delay,
    dry_run,
    find_on_canvas,
    findings_by_look,
    free_name,
    journey,
    journey_id_of,
    let_buyers_in,
    let_buyers_in_by_keyboard,
    listed,
    make_journey,
    make_list,
    names_on_canvas,
    open_builder,
    open_step,
    order_by,
    ordered,
    press_until,
    publish,
    run_test_with_one_person,
    saved,
    saved_definition,
    send_step,
    send_test_event,
    set_up_in_the_old_format,
)
from tests.browser_steps import calls_in, echo, make_destination, people_in, space_of
from tests.product import Product

pytestmark = pytest.mark.browser

WIDE: ViewportSize = {"width": 1440, "height": 900}
NARROW: ViewportSize = {"width": 390, "height": 844}


@pytest.fixture(scope="module", autouse=True)
def _the_name_of_the_seed_is_free(product: Product) -> None:
    free_name(product, "First purchase")


@pytest.fixture
def context(chromium: Browser, product: Product, signed_in: Any) -> Iterator[BrowserContext]:
    opened = chromium.new_context(base_url=product.url, viewport=WIDE, storage_state=signed_in)
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


@pytest.fixture(scope="module")
def mail(product: Product) -> dict[str, Any]:
    return make_destination(product, "Mail tool", f"{product.url}/echo/mail")


@pytest.fixture(scope="module")
def live(product: Product, mail: dict[str, Any]) -> str:
    """A published journey with one person, who completed it."""
    journey_id = make_journey(product, journey("Watched", send_step("Bought", mail)))
    publish(product, journey_id)
    product.wait_idle()
    order_by(product, ["watched-1"])
    product.wait("the person", lambda: "watched-1" in people_in(echo(product, "mail")))
    product.wait_idle()
    return journey_id


def test_first_purchase_from_nothing_to_live(page: Page, product: Product) -> None:
    """The seed's flow by mouse.

    F001 both forms of delivery, F003 Send to destinations by +, F004 its name, F005 and F006 the key, F007 and F008 in
    Track and Identify, F009 several destinations at once, F010 nothing is sent while it is a draft, F012 the key on the
    profile, F013-F019 and F021 the event tester of a draft, F014 not for lists, F024 from a new journey, F045 and F047
    Track and Identify on entry, F048 and F049 their content, F053 the list holds exactly those who got here, F054 adds.
    """
    make_destination(product, "Seed mail", f"{product.url}/echo/seed-mail")
    make_list(product, "Seed list", f"{product.url}/echo/seed-list")
    buyers = [f"first-purchase-{number}" for number in range(3)]
    page.goto(f"/s/{product.demo['space']}/")

    page.get_by_role("navigation", name="Sections").get_by_role("link", name="Journeys").click()
    page.get_by_test_id("journeys.new").first.click()
    page.get_by_test_id("new.name").fill("First purchase")
    page.get_by_test_id("new.submit").click()
    expect(page.get_by_test_id("builder.problems")).to_contain_text("problem")
    let_buyers_in(page)

    add_step(page, 0, "send_to_destinations")
    expect(page.get_by_test_id("step.name")).to_be_focused()
    expect(page.get_by_test_id("step.name")).to_have_attribute("placeholder", "New subscribed users")
    expect(page.get_by_test_id("builder.publish")).to_be_disabled()
    page.keyboard.type("Opened email")
    key_field = page.get_by_test_id("step.key").locator("code")
    expect(key_field).to_have_text(OPENED_EMAIL_KEY)
    key = key_field.inner_text()
    page.get_by_test_id("step.connect").click()
    page.get_by_test_id("choose.event").get_by_text("Seed mail", exact=True).click()
    page.get_by_test_id("choose.list").get_by_text("Seed list", exact=True).click()
    page.get_by_test_id("choose.submit").click()
    expect(page.get_by_test_id("step.destination")).to_have_count(2)
    expect(page.get_by_test_id("builder.problems")).to_have_text("No problems")
    expect(key_field).to_have_text(key)
    of_list = page.get_by_test_id("step.destination").filter(has_text="Seed list")
    expect(of_list.get_by_role("link", name="Event tester")).to_have_count(0)

    test_user = send_test_event(page, key)
    assert product.api("GET", f"{space_of(product)}/profiles/?identifier={test_user}")["results"] == []

    run_test_with_one_person(page, key)
    page.get_by_role("link", name="Builder", exact=True).click()

    dry_run(page, "Opened email")
    assert echo(product, "seed-mail")["total"] == 1
    assert echo(product, "seed-list")["total"] == 0

    page.get_by_role("link", name="Builder", exact=True).click()
    page.get_by_test_id("builder.publish").click()
    expect(page.get_by_test_id("review.keys")).to_contain_text(key)
    page.get_by_test_id("review.publish").click()

    expect(page.get_by_test_id("journey.overview")).to_be_visible()
    expect(page.get_by_test_id("journey.entered")).to_contain_text("0")
    journey_id = journey_id_of(page)
    order_by(product, ["only-looked"], event="Product Viewed")
    order_by(product, buyers)
    expect(card(page, "Opened email")).to_contain_text("3 here", timeout=60_000)
    expect(page.get_by_test_id("journey.entered").locator(".stat__value")).to_have_text("3")
    product.wait_idle()
    received = echo(product, "seed-mail")
    sent = {"requests": received["requests"][1:]}
    assert sorted(calls_in(sent)) == sorted((kind, person, "") for person in buyers for kind in ("identify", "track"))
    assert_calls_of_entry(sent["requests"], key)

    page.get_by_test_id("tabs").get_by_role("link", name="Runs").click()
    expect(page.get_by_test_id("runs.row")).to_have_count(3)
    page.get_by_test_id("runs.row").filter(has_text=buyers[0]).get_by_role("link").first.click()
    kinds = page.get_by_test_id("run.line").evaluate_all("lines => lines.map(line => line.dataset.kind)")
    assert kinds == ["entered", "send", "completed"]
    expect(page.get_by_test_id("run.call")).to_have_count(3)
    page.get_by_test_id("run.profile").click()
    expect(page.get_by_test_id("profile.journey").filter(has_text="First purchase")).to_contain_text("Opened email")
    expect(page.get_by_test_id("profile.journey-key").filter(has_text=key)).to_contain_text("true")

    product.wait("the batch of the list", lambda: len(listed(echo(product, "seed-list"))) >= 3)
    assert sorted(listed(echo(product, "seed-list"))) == buyers
    assert {request["body"]["audience"] for request in echo(product, "seed-list")["requests"]} == {key}
    page.goto(f"/s/{product.demo['space']}/journeys/{journey_id}/")
    expect(page.get_by_test_id("journey.send")).to_have_count(2)


def test_first_purchase_with_the_keyboard_alone(page: Page, product: Product, mail: dict[str, Any]) -> None:
    """Create, condition, step, destination and publish with Tab, Enter, Space, arrows, A and typing."""
    page.goto(f"/s/{product.demo['space']}/journeys/")

    press_until(page, "Tab", "journeys.new")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("new.form")).to_be_visible()
    press_until(page, "Tab", "new.name")
    page.keyboard.type("By keyboard")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("step.form")).to_be_visible()
    let_buyers_in_by_keyboard(page)
    expect(card(page, "Buyers")).to_contain_text("Performed “Order Completed”")

    page.keyboard.press("Escape")
    expect(card(page, "Buyers").get_by_role("link")).to_be_focused()
    page.keyboard.press("a")
    expect(page.get_by_test_id("builder.add-filter")).to_be_focused()
    page.keyboard.type("send")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("step.name")).to_be_focused()
    page.keyboard.type("Opened email")
    expect(page.get_by_test_id("step.key").locator("code")).to_have_text(re.compile("^j_o_by_keyboard__opened_email_"))
    press_until(page, "Tab", "step.connect")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("choose.form")).to_be_visible()
    choose_by_keyboard(page, str(mail["name"]))
    press_until(page, "Tab", "choose.submit")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("step-destination.form")).to_be_visible()
    press_until(page, "Tab", "step-destination.save")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("builder.problems")).to_have_text("No problems")

    press_until(page, "Tab", "canvas.step")
    page.keyboard.press("ArrowDown")
    expect(card(page, "Opened email").get_by_role("link").first).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(card(page, "Buyers").get_by_role("link").first).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("step.destination")).to_have_count(1)

    press_until(page, "Shift+Tab", "builder.publish")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("review.form")).to_be_visible()
    press_until(page, "Tab", "review.publish")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("journey.overview")).to_be_visible()
    expect(page.get_by_test_id("journey.sends")).to_contain_text("Mail tool")


def test_first_purchase_without_javascript(unscripted: Page, product: Product, mail: dict[str, Any]) -> None:
    """The outline does all that the canvas does: create, entry condition, step, destination, publish."""
    page = unscripted
    page.goto(f"/s/{product.demo['space']}/journeys/new/")

    page.get_by_test_id("new.name").fill("Without script")
    page.get_by_test_id("new.submit").click()
    expect(page.get_by_test_id("outline")).to_be_visible()
    build_in_outline(page)
    page.get_by_test_id("builder.publish").click()
    page.get_by_test_id("review.publish").click()

    expect(page.get_by_test_id("journey.overview")).to_be_visible()
    expect(page.get_by_test_id("journey.send")).to_contain_text(str(mail["name"]))


def test_destination_of_a_live_step_is_set_up_and_tested(page: Page, product: Product, live: str) -> None:
    """F002 only enabled destinations are offered, F020 an error with its details, F024 from a live journey, F026 both
    setups, F046 the old value format, F052 the choice of calls, F056 help for suppression.
    """
    make_destination(product, "Failing tool", f"{product.url}/echo/failing-tool?status=503")
    off = make_destination(product, "Switched off tool", f"{product.url}/echo/off")
    product.api("PATCH", f"{space_of(product)}/destinations/{off['id']}/", {"enabled": False})
    open_builder(page, product, live)

    open_step(page, "Bought")
    page.get_by_text("Suppress people with two lists").click()
    expect(page.get_by_test_id("step.destinations")).to_contain_text("in the first list and not in the second")
    page.get_by_test_id("step.connect").click()
    expect(page.get_by_test_id("choose.row").filter(has_text="Switched off tool")).to_have_count(0)
    page.get_by_test_id("choose.row").filter(has_text="Failing tool").click()
    page.get_by_test_id("choose.submit").click()
    form = page.get_by_test_id("step-destination.form")
    set_up_in_the_old_format(form)
    page.get_by_test_id("step-destination.save").click()
    page.get_by_test_id("step.destination").filter(has_text="Failing tool").get_by_role(
        "link", name="Event tester"
    ).click()
    event = json.loads(page.get_by_test_id("tester.event").input_value())
    page.get_by_test_id("tester.send").click()

    result = page.get_by_test_id("lifecycle.result")
    expect(result).to_have_attribute("data-outcome", "failed")
    expect(result).to_contain_text("503")
    expect(result).to_contain_text("Response body")
    assert page.get_by_test_id("tester.type").locator("option").all_inner_texts() == [
        "Track: Audience Entered",
        "Track: Audience Exited",
    ]
    [(key, value)] = event["properties"].items()
    assert (key.startswith("j_o_watched__bought_"), value) == (True, "true")


def test_key_is_kept_on_rename_and_new_in_a_clone(page: Page, product: Product) -> None:
    """F010 what was saved is there on reopening, F011."""
    journey_id = make_journey(product, journey("Renamed", send_step("Opened email")))
    open_builder(page, product, journey_id)
    open_step(page, "Opened email")
    key_field = page.get_by_test_id("step.key").locator("code")
    key = key_field.inner_text()

    page.get_by_test_id("step.name").fill("Read the mail")
    expect(card(page, "Read the mail")).to_be_visible()
    page.reload()

    expect(page.get_by_test_id("step.name")).to_have_value("Read the mail")
    expect(key_field).to_have_text(key)
    page.goto(f"/s/{product.demo['space']}/journeys/{journey_id}/")
    page.get_by_test_id("journey.menu").click()
    page.get_by_test_id("journey.clone").click()
    expect(page).not_to_have_url(re.compile(journey_id))
    open_builder(page, product, journey_id_of(page))
    open_step(page, "Read the mail")
    expect(key_field).to_have_text(re.compile("^j_o_"))
    expect(key_field).not_to_have_text(key)


def test_undo_and_redo_over_a_reload(page: Page, product: Product) -> None:
    journey_id = make_journey(product, journey("Undone"))
    open_builder(page, product, journey_id)
    add_step(page, 0, "delay")
    page.get_by_test_id("step.name").fill("Cool off")
    expect(card(page, "Cool off")).to_be_visible()

    card(page, "Cool off").get_by_role("link").focus()
    page.keyboard.press("Delete")
    expect(card(page, "Cool off")).to_have_count(0)
    page.reload()
    page.keyboard.press("Control+z")
    expect(card(page, "Cool off")).to_be_visible()
    page.reload()
    page.get_by_test_id("builder.redo").click()
    expect(card(page, "Cool off")).to_have_count(0)
    page.get_by_test_id("builder.undo").click()

    expect(card(page, "Cool off")).to_be_visible()
    assert [step["name"] for step in saved_definition(product, journey_id)["steps"]] == ["Cool off"]


def test_two_tabs_lose_nothing(context: BrowserContext, page: Page, product: Product) -> None:
    """The second to save is told so (409) and keeps their work as a copy."""
    journey_id = make_journey(product, journey("Shared", delay("wait", "entry", name="Wait")))
    other = context.new_page()
    for tab in (page, other):
        open_builder(tab, product, journey_id)
        open_step(tab, "Wait")

    page.get_by_test_id("step.name").fill("Wait for the mail")
    expect(card(page, "Wait for the mail")).to_be_visible()
    other.get_by_test_id("step.name").fill("Wait for the parcel")
    expect(other.get_by_test_id("builder.alert")).to_contain_text("Somebody else changed this journey")
    expect(other.get_by_test_id("step.name")).to_have_value("Wait for the parcel")
    other.get_by_test_id("builder.save-copy").click()
    expect(other).not_to_have_url(re.compile(journey_id))

    assert names_on_canvas(other) == ["Buyers", "Wait for the parcel"]
    assert journey_id_of(other) != journey_id
    assert [step["name"] for step in saved_definition(product, journey_id)["steps"]] == ["Wait for the mail"]


def test_deleting_a_split_asks_which_branch_to_keep(page: Page, product: Product) -> None:
    split = {
        "id": "split",
        "type": "true_false",
        "after": "entry",
        "name": "Again?",
        "condition": ordered(2),
        "true_name": "Again",
        "false_name": "Once",
    }
    again = delay("again", {"step": "split", "branch": "true"}, name="Wait for the loyal")
    once = delay("once", {"step": "split", "branch": "false"}, name="Wait for the new")
    journey_id = make_journey(product, journey("Split", split, again, once))
    open_builder(page, product, journey_id)

    card(page, "Again?").get_by_role("link").focus()
    page.keyboard.press("Delete")
    dialog = page.get_by_test_id("builder.delete-dialog")
    expect(dialog).to_contain_text("Deletes Wait for the new")
    dialog.get_by_text("Keep “Once”").click()
    dialog.get_by_test_id("builder.delete-confirm").click()
    expect(card(page, "Again?")).to_have_count(0)
    assert names_on_canvas(page) == ["Buyers", "Wait for the new"]

    page.keyboard.press("Control+z")
    expect(card(page, "Wait for the loyal")).to_be_visible()
    assert {step["id"] for step in saved_definition(product, journey_id)["steps"]} == {"split", "again", "once"}


def test_steps_are_copied_and_dragged(page: Page, product: Product) -> None:
    """Copy and paste by keyboard, a new step dragged from the palette onto a plus."""
    journey_id = make_journey(product, journey("Dragged", delay("wait", "entry", name="Wait")))
    open_builder(page, product, journey_id)

    card(page, "Wait").get_by_role("link").focus()
    page.keyboard.press("Control+c")
    expect(page.get_by_test_id("palette.clip")).to_contain_text("1 copied step")
    card(page, "Wait").get_by_role("link").focus()
    page.keyboard.press("Control+v")
    expect(page.get_by_test_id("canvas.step")).to_have_count(3)
    close_panel(page)
    source = page.get_by_test_id("palette.send_to_destinations").bounding_box()
    target = page.get_by_test_id("canvas.plus").nth(0).bounding_box()
    assert source is not None
    assert target is not None
    page.mouse.move(source["x"] + 40, source["y"] + 20)
    page.mouse.down()
    page.mouse.move(target["x"] - 60, target["y"] + 30, steps=6)
    page.mouse.move(target["x"] + 12, target["y"] + 12, steps=6)
    page.mouse.up()
    expect(page.get_by_test_id("canvas.step")).to_have_count(4)

    types = page.get_by_test_id("canvas.step").evaluate_all("cards => cards.map(card => card.dataset.type)")
    assert types == ["entry", "send_to_destinations", "delay", "delay"]


def test_random_split_is_evened_out_and_problems_lead_to_their_step(page: Page, product: Product) -> None:
    journey_id = make_journey(product, journey("Even"))
    open_builder(page, product, journey_id)
    add_step(page, 0, "random")

    page.get_by_test_id("step.branch-add").click()
    expect(page.get_by_test_id("step.percent")).to_have_count(3)
    page.get_by_test_id("step.percent").nth(2).fill("30")
    expect(page.get_by_test_id("step.total-percent")).to_have_text("Total 130 %")
    saved(page)
    expect(page.get_by_test_id("builder.problems")).to_contain_text("problem")
    page.get_by_test_id("builder.problems").click()
    page.get_by_test_id("builder.problem").filter(has_text="130").get_by_test_id("builder.go").click()
    expect(page.get_by_test_id("step.problem").filter(has_text="130")).to_be_visible()
    page.get_by_test_id("step.even-out").click()

    expect(page.get_by_test_id("step.total-percent")).to_have_text("Total 100 %")
    expect(page.get_by_test_id("step.problem").filter(has_text="130")).to_have_count(0)
    shares = [float(field.input_value()) for field in page.get_by_test_id("step.percent").all()]
    assert (sorted(shares), round(sum(shares), 2)) == ([33.33, 33.33, 33.34], 100.0)


def test_a_step_of_a_large_journey_is_found_and_the_whole_is_seen(page: Page, product: Product) -> None:
    """A hundred steps: find one by its words and open it by keyboard; the small map moves the canvas; all fits."""
    journey_id = make_journey(product, big_journey(100) | {"name": "Large"})
    open_builder(page, product, journey_id)
    expect(page.get_by_test_id("canvas.map")).to_be_visible()

    found = find_on_canvas(page, "message 95", "Message 95")
    page.get_by_test_id("canvas.map").click(position={"x": 4, "y": 4})
    expect(found).not_to_be_in_viewport()
    page.get_by_test_id("canvas.find").press("Enter")
    expect(found).to_be_in_viewport()
    page.get_by_role("button", name="Fit the journey").click()

    expect(page.get_by_test_id("canvas.map")).to_be_hidden()
    expect(card(page, "Buyers").or_(page.get_by_test_id("canvas.step").first)).to_be_in_viewport()


@pytest.fixture(scope="module")
def places(product: Product, mail: dict[str, Any], live: str) -> dict[str, str]:
    draft = make_journey(product, journey("Accessible", send_step("Opened email", mail)))
    return {"draft": draft, "live": live, "mail": mail["id"]}


@pytest.mark.parametrize("path", [path for _, path in PAGES], ids=[name for name, _ in PAGES])
def test_page_of_journeys_is_accessible(
    context: BrowserContext, product: Product, places: dict[str, str], path: str
) -> None:
    """axe finds nothing serious or critical, wide and narrow, light and dark; nothing is wider than a phone."""
    page = context.new_page()
    complaints = Complaints()
    complaints.listen(page)
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"/s/{product.demo['space']}/{path.format(**places)}", wait_until="networkidle")

    said = complaints.take()
    found = findings_by_look(page, (WIDE, NARROW))

    assert (said, found, overflow(page)) == ([], [], 0)
