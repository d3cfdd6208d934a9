"""What `make screenshots` does on a page before the picture: press, fill in, open."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page as Tab
from playwright.sync_api import expect

Act = Callable[[Tab], None]


def click(*test_ids: str, then: str = "") -> Act:
    """Press elements by their data-test, one after another; `then` is what shows that it worked."""

    def act(tab: Tab) -> None:
        for test_id in test_ids:
            tab.get_by_test_id(test_id).first.click()
        if then:
            expect(tab.get_by_test_id(then).first).to_be_visible()

    return act


def ask(*test_ids: str) -> Act:
    """Press elements up to the one that asks for a confirmation."""

    def act(tab: Tab) -> None:
        click(*test_ids)(tab)
        expect(tab.locator("dialog[data-confirm-dialog][open]")).to_be_visible()

    return act


def sheet_tab(label: str, *test_ids: str, then: str) -> Act:
    """In the open side sheet, go to a tab and press elements there."""

    def act(tab: Tab) -> None:
        tab.get_by_test_id("sheet").get_by_role("link", name=label).click()
        click(*test_ids, then=then)(tab)

    return act


def press(role: Any, name: str) -> Act:
    def act(tab: Tab) -> None:
        tab.get_by_role(role, name=name).first.click()

    return act


def fill_builder(tab: Tab) -> None:
    field = tab.get_by_test_id("builder.event")
    field.click()
    field.press_sequentially("Order")
    tab.get_by_role("option", name="Order Completed").click()
    tab.get_by_test_id("builder.count").fill("2")


def preview_builder(tab: Tab) -> None:
    click("builder.run", then="builder.total")(tab)


def open_entering(tab: Tab) -> None:
    preview_builder(tab)
    click("builder.entered", then="people.total")(tab)


def open_suggestions(tab: Tab) -> None:
    tab.get_by_test_id("builder.event").click()
    expect(tab.locator(".combobox__option").first).to_be_visible()


def compare_mapping(tab: Tab) -> None:
    tab.get_by_role("combobox", name="Method").fill("PUT")
    click("mapping.compare", then="mapping.compared")(tab)


def break_mapping(tab: Tab) -> None:
    """A trigger and a sample event with mistakes in them."""
    tab.get_by_test_id("mapping.mode-text").click()
    tab.get_by_test_id("mapping.trigger").fill("type = 'track' and (event = \"A\"")
    tab.get_by_test_id("mapping.event").fill('{"type": "track",\n "event": "A"\n "userId": 1}')
    expect(tab.get_by_test_id("mapping.event-error")).to_be_visible()


def build_to(step: str) -> Act:
    """From an empty builder to one of the next steps of the wizard."""

    def act(tab: Tab) -> None:
        fill_builder(tab)
        click("builder.next", then="builder.destinations")(tab)
        if step == "review":
            tab.get_by_test_id("builder.destination").filter(has_text="Acme CRM").get_by_role("checkbox").first.check()
            click("builder.next", then="builder.review")(tab)
            tab.get_by_test_id("builder.name").fill("Loyal customers")
            expect(tab.get_by_test_id("builder.key")).to_have_value("loyal_customers")

    return act


def create_token(tab: Tab) -> None:
    tab.get_by_label("Label").fill("Warehouse export")
    tab.get_by_role("button", name="Create token").click()


def invite(tab: Tab) -> None:
    tab.get_by_label("E-mail").fill(f"kim{time.time_ns()}@acme.example")
    tab.get_by_role("button", name="Invite", exact=True).click()


def wrong_password(tab: Tab) -> None:
    tab.get_by_label("E-mail").fill("nobody@acme.example")
    tab.get_by_label("Password").fill("not the password")
    tab.get_by_role("button", name="Sign in").click()
    expect(tab.get_by_role("alert").first).to_be_visible()


def run_test(tab: Tab) -> None:
    """The whole path of a person, with the first evidence and payload open."""
    tab.get_by_test_id("test.run").click()
    expect(tab.get_by_test_id("test.result")).to_be_visible()
    for label in ("Evidence", "Payload"):
        opened = tab.get_by_test_id("test.decisions").get_by_text(label, exact=True)
        if opened.count():
            opened.first.click()


def refuse_test(tab: Tab) -> None:
    tab.get_by_label("Time after the start of event 1").fill("soon")
    tab.get_by_test_id("test.run").click()
    expect(tab.get_by_test_id("test.errors")).to_be_visible()


def run_dry(tab: Tab) -> None:
    tab.get_by_test_id("dry_run.start").click()
    expect(tab.get_by_test_id("dry_run.result")).to_be_visible(timeout=60_000)


def open_event(tab: Tab) -> None:
    tab.get_by_test_id("profile.event").first.get_by_role("link").click()
    expect(tab.get_by_test_id("sheet")).to_be_visible()


def open_message(tab: Tab) -> None:
    tab.get_by_test_id("debugger.row").first.get_by_role("link").click()
    expect(tab.get_by_test_id("debugger.detail")).to_be_visible()


def open_step(tab: Tab) -> None:
    tab.get_by_test_id("canvas.step").first.get_by_role("link").first.click()
    expect(tab.get_by_test_id("people")).to_be_visible()


def open_run(tab: Tab) -> None:
    tab.get_by_test_id("runs.row").first.get_by_role("link").click()
    for reason in tab.get_by_test_id("run.explanation").all():
        reason.locator("summary").click()
