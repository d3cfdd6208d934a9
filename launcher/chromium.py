"""Finds a Chromium for the browser tests and screenshots, or gets one.

`python -m launcher.chromium` prints its path. Tried in this order: ENGAGE_CHROMIUM, an installed browser, Playwright's
own (downloaded when missing), Debian's package when root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from launcher.errors import LauncherError

INSTALLED_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLAYWRIGHT_PATH = (
    "from playwright.sync_api import sync_playwright\n"
    "with sync_playwright() as playwright:\n"
    "    print(playwright.chromium.executable_path)\n"
)


def find_chromium() -> str:
    """The path of a browser that starts. Raises LauncherError with what was tried."""
    named = os.environ.get("ENGAGE_CHROMIUM")
    if named:
        if not _starts(named):
            raise LauncherError(f"ENGAGE_CHROMIUM names {named}, which does not start. Correct or unset it.")
        return named
    return _installed() or _playwrights() or _debians() or _nothing_found()


def _installed() -> str | None:
    for name in INSTALLED_NAMES:
        path = shutil.which(name)
        if path is not None and _starts(path):
            return path
    return None


def _playwrights() -> str | None:
    path = _playwright_path()
    if path is not None and _starts(path):
        return path
    print("No Chromium is installed; downloading Playwright's ...", file=sys.stderr, flush=True)
    _run([sys.executable, "-m", "playwright", "install", "chromium"])
    return path if path is not None and _starts(path) else None


def _playwright_path() -> str | None:
    result = subprocess.run([sys.executable, "-c", PLAYWRIGHT_PATH], capture_output=True, text=True, check=False)
    return result.stdout.strip() if result.returncode == 0 else None


def _debians() -> str | None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    print("Installing Debian's chromium ...", file=sys.stderr, flush=True)
    _run(["apt-get", "update", "-q"])
    _run(["apt-get", "install", "-q", "-y", "--no-install-recommends", "chromium"])
    return _installed()


def _nothing_found() -> str:
    raise LauncherError(
        "The browser tests need a Chromium, and none could be found or downloaded. Install one (Debian: apt-get "
        "install chromium), or name one with ENGAGE_CHROMIUM."
    )


def _run(command: list[str]) -> None:
    # Output belongs to the person, not to whoever reads the path from standard output.
    subprocess.run(command, stdout=sys.stderr, check=False, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


def _starts(path: str) -> bool:
    if not Path(path).exists():
        return False
    try:
        result = subprocess.run([path, "--version"], capture_output=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return result.returncode == 0


if __name__ == "__main__":
    try:
        print(find_chromium())
    except LauncherError as error:
        sys.exit(f"error: {error}")
