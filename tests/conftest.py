"""What the browser tests share: one running product, one Chromium and one sign-in, for each process of tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import running_chromium, sign_in
from tests.product import Product, running_product

PEOPLE = 300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser's tests come last, so that the product runs beside no other test for long."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """What a test makes in it has a name of its own, and is there for the tests after it."""
    settings = {"ENGAGE_ALERT_SECONDS": "1"}
    with running_product(tmp_path_factory.mktemp("product"), people=PEOPLE, settings=settings) as running:
        running.wait_idle()
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def signed_in(chromium: Browser, product: Product) -> Any:
    """The cookies of somebody who signed in by the form."""
    context = chromium.new_context()
    sign_in(context.new_page(), product)
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def unscripted(chromium: Browser, product: Product, signed_in: Any, browser_name: str) -> Iterator[Page]:
    """A page of somebody who signed in, without JavaScript. `browser_name` keeps its test in order with the others."""
    context = chromium.new_context(
        base_url=product.url,
        viewport={"width": 1440, "height": 900},
        storage_state=signed_in,
        java_script_enabled=False,
    )
    yield context.new_page()
    context.close()
