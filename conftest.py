"""Fixtures that every test may use. Run the tests by `make test`, which starts the servers they need."""

from __future__ import annotations

import os
from typing import Any

import pytest

# Playwright's synchronous driver runs an event loop in the test's thread, where Django would refuse the database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Use the Chromium that `make test` found, see launcher/chromium.py."""
    chromium = os.environ.get("ENGAGE_CHROMIUM")
    if not chromium:
        return browser_type_launch_args
    return {**browser_type_launch_args, "executable_path": chromium}
