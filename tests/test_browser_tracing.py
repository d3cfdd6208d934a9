"""Trace, replay and alerts in a real browser against the whole product."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import Complaints, findings, overflow, serious, sign_in
from tests.browser_steps import connect, echo, make_audience, make_destination, space_of
from tests.product import Product

pytestmark = pytest.mark.browser


@pytest.fixture
def page(chromium: Browser, product: Product) -> Iterator[Page]:
    context = chromium.new_context(base_url=product.url, viewport={"width": 1440, "height": 900})
    complaints = Complaints()
    opened = context.new_page()
    complaints.listen(opened)
    sign_in(opened, product)
    yield opened
    assert complaints.take() == []
    context.close()


@pytest.fixture(scope="module")
def refused(product: Product) -> dict[str, Any]:
    """A destination that answered 400 to every call, and how many there were."""
    audience = make_audience(product, "Refused people")
    destination = make_destination(product, "Dead CRM", f"{product.url}/echo/dead?status=400")
    connection = connect(product, audience, destination)

    def dead() -> Any:
        found = product.api("GET", f"{space_of(product)}/dead-letters/?connection={connection['id']}")
        return found if found["total"] >= audience["size"] else None

    product.wait("the dead letters", dead)
    product.wait_idle()
    total = dead()["total"]
    return {"destination": destination, "connection": connection, "total": total, "audience": audience}


def section(page: Page, product: Product, path: str) -> None:
    page.goto(f"/s/{product.demo['space']}/{path}")


def test_trace_leads_from_a_person_to_the_answer_of_a_call(
    page: Page, product: Product, refused: dict[str, Any]
) -> None:
    """Any identifier opens the person's calls; a call tells its whole way to request and response."""
    call = product.api("GET", f"{space_of(product)}/deliveries/?connection={refused['connection']['id']}&limit=1")
    user_id = call["results"][0]["payload"]["userId"]
    section(page, product, "delivery/trace/")

    page.get_by_test_id("trace.q").fill(user_id)
    page.get_by_test_id("trace.submit").click()
    expect(page.get_by_test_id("trace.person")).to_contain_text(user_id)
    page.get_by_test_id("trace.calls").get_by_test_id("delivery.call").filter(
        has_text="Refused people"
    ).first.get_by_role("link").first.click()

    for part in ("source", "profile", "computation", "call", "mapping"):
        expect(page.get_by_test_id(f"trace.{part}")).to_be_visible()
    expect(page.get_by_test_id("trace.computation")).to_contain_text("Refused people")
    attempt = page.get_by_test_id("delivery.attempt").first
    attempt.get_by_text("Request and response").click()
    expect(attempt.get_by_test_id("delivery.exchange")).to_contain_text("/echo/dead")
    assert serious(findings(page)) == []
    page.get_by_test_id("call.tester").click()
    expect(page.get_by_test_id("tester.event")).to_have_value(re.compile(user_id))

    message_id = call["results"][0]["message_id"]
    section(page, product, "delivery/trace/")
    page.get_by_test_id("trace.q").fill(message_id)
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("call.trace")).to_contain_text(message_id)


def test_replay_goes_from_preview_to_the_outcome_of_every_message(
    page: Page, product: Product, refused: dict[str, Any]
) -> None:
    """By reason, preview of three calls, a run with progress; a second replay sends nothing and says so."""
    destination = refused["destination"]["id"]
    mended = {"settings": {"url": f"{product.url}/echo/mended"}}
    product.api("PATCH", f"{space_of(product)}/destinations/{destination}/", mended)
    section(page, product, "delivery/dead-letters/")

    reason = page.get_by_test_id("dead.reason").filter(has_text="400")
    expect(reason.get_by_test_id("dead.group").filter(has_text="Dead CRM")).to_be_visible()
    assert serious(findings(page)) == []
    reason.get_by_test_id("dead.group").filter(has_text="Dead CRM").get_by_role(
        "link", name=re.compile("Replay")
    ).click()
    expect(page.get_by_test_id("replay.count")).to_have_text(f"{refused['total']:,}")
    expect(page.get_by_test_id("replay.sample")).to_have_count(3)
    preview = page.url
    page.get_by_test_id("replay.rate").fill("1000")
    page.get_by_test_id("replay.start").click()

    expect(page.get_by_test_id("replay.delivered")).to_have_text(f"{refused['total']:,}", timeout=60_000)
    expect(page.get_by_test_id("replay.state")).to_have_text("Done", timeout=60_000)
    received = echo(product, "mended")
    assert (received["total"], received["repeated_message_ids"]) == (refused["total"], 0)
    page.goto(preview)
    expect(page.get_by_test_id("replay.nothing")).to_contain_text("what was delivered is not sent twice")
    assert echo(product, "mended")["total"] == refused["total"]


def test_alert_fires_into_the_bell_and_is_resolved(page: Page, product: Product) -> None:
    """Made by the form; fired and resolved are in the bell once each."""
    destination = make_destination(product, "Watched CRM", f"{product.url}/echo/watched?status=400")
    audience = make_audience(product, "Watched people")
    section(page, product, f"alerts/destinations/{destination['id']}/")

    page.get_by_test_id("alerts.new").click()
    page.get_by_test_id("alerts.kind").filter(has_text="Successful delivery rate").click()
    page.get_by_label("Judge from this many finished calls").fill("1")
    page.get_by_test_id("alert.save").click()
    row = page.get_by_test_id("alerts.row").filter(has_text="Watched CRM")
    expect(row).to_be_visible()
    connect(product, audience, destination)
    product.wait("the alert", lambda: history(product, "Watched CRM"))
    page.reload()

    expect(row).to_contain_text("Firing")
    expect(page.get_by_test_id("bell.unread")).to_be_visible()
    page.get_by_test_id("shell.bell").click()
    expect(page.get_by_test_id("bell.item").filter(has_text="Watched CRM")).to_have_count(1)
    assert serious(findings(page)) == []
    page.get_by_test_id("bell.seen").click()
    expect(page.get_by_test_id("bell.unread")).to_have_count(0)
    assert [event["firing"] for event in history(product, "Watched CRM")] == [True]


def history(product: Product, name: str) -> list[dict[str, Any]]:
    found = product.api("GET", f"{space_of(product)}/alerts/history/")["results"]
    return [event for event in found if name in event["name"]]


@pytest.mark.parametrize(
    "path", ["delivery/trace/?q=nobody", "delivery/dead-letters/", "delivery/replays/", "alerts/", "alerts/new/"]
)
def test_pages_fit_a_phone(page: Page, product: Product, path: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    section(page, product, path)

    assert overflow(page) == 0
    assert serious(findings(page)) == []
