"""Fixtures of the launcher's tests."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from launcher.tests.launching import Launched, launch


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder that does not exist yet, below a folder which other users may pass through."""
    parent = Path(tempfile.mkdtemp(prefix="engage-launcher-"))
    parent.chmod(0o755)
    yield parent / "data"
    shutil.rmtree(parent, ignore_errors=True)


@pytest.fixture
def start(data: Path) -> Iterator[Callable[..., Launched]]:
    """Starts launchers on `data`; those still running at the end are stopped."""
    started: list[Launched] = []

    def start_launcher(*words: str, **variables: str) -> Launched:
        launched = launch(words, data, **variables)
        started.append(launched)
        return launched

    yield start_launcher
    for launched in started:
        if launched.process.poll() is None:
            launched.process.send_signal(signal.SIGTERM)
            try:
                launched.wait()
            except subprocess.TimeoutExpired:
                launched.process.kill()
                launched.wait()
