"""Headless Chromium for the browser tests and `make screenshots`: start it, sign in, hear complaints, run axe."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, expect, sync_playwright

from launcher.chromium import find_chromium
from tests.product import Product

WAIT_MS = 15_000
SERIOUS = ("serious", "critical")


@dataclass
class Complaints:
    """What the browser said went wrong on a page: console errors, uncaught exceptions, answers of 5xx."""

    texts: list[str] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.texts.append(f"uncaught: {error}"))
        page.on("response", self._response)

    def take(self) -> list[str]:
        """The complaints so far, which are forgotten then."""
        taken, self.texts = self.texts, []
        return taken

    def _console(self, message: ConsoleMessage) -> None:
        # Chromium logs every 4xx answer as an error, also the 404 page and the 422 of a form that were asked for.
        if message.type != "error" or "Failed to load resource" in message.text:
            return
        # Requests that the browser gave up because it left the page; answers of 5xx are heard below.
        if message.text.startswith(("htmx:afterRequest", "htmx:sendError", "htmx:sendAbort")):
            return
        # axe writes inline styles, which the content policy reports.
        if message.page not in _EXAMINED or "Applying inline style" not in message.text:
            self.texts.append(f"console: {message.text}")

    def _response(self, response: Response) -> None:
        if response.status >= 500 or (response.status >= 400 and response.request.resource_type not in PAGES_AND_CALLS):
            self.texts.append(f"{response.status}: {response.url}")


PAGES_AND_CALLS = ("document", "xhr", "fetch")
_EXAMINED: set[Page] = set()
"""Pages that axe has looked at; what the browser says of it arrives later."""


@contextmanager
def running_chromium(*arguments: str) -> Iterator[Browser]:
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        playwright.selectors.set_test_id_attribute("data-test")
        chromium = playwright.chromium.launch(
            executable_path=os.environ.get("ENGAGE_CHROMIUM") or find_chromium(), args=["--no-sandbox", *arguments]
        )
        try:
            yield chromium
        finally:
            chromium.close()


def sign_in(page: Page, product: Product) -> None:
    """By the form, as a person does."""
    page.goto(f"{product.url}/login/")
    page.get_by_label("E-mail").fill(product.demo["email"])
    page.get_by_label("Password").fill(product.demo["password"])
    page.get_by_role("button", name="Sign in").click()
    expect(page).not_to_have_url(f"{product.url}/login/")


def findings(page: Page, rules: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What axe finds on the page as it is shown: `{"id", "impact", "help", "help_url", "nodes"}`.

    With `rules` only theirs.
    """
    _EXAMINED.add(page)
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(Axe().axe_script)
    options = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
    violations = page.evaluate("options => axe.run(options).then((results) => results.violations)", options)
    return [
        {
            "id": violation["id"],
            "impact": violation["impact"],
            "help": violation["help"],
            "help_url": violation["helpUrl"],
            "nodes": [
                {"target": node["target"], "html": node["html"], "summary": node["failureSummary"]}
                for node in violation["nodes"]
            ],
        }
        for violation in violations
    ]


def serious(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [finding for finding in found if finding["impact"] in SERIOUS]


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
