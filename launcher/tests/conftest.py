"""Fixtures of the launcher's tests."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from launcher.tests.launching import Launched, launch, run_launcher


@pytest.fixture(scope="session")
def used_before() -> Iterator[Path]:
    """A data folder after a first start and stop; making one takes longer than copying it."""
    parent = Path(tempfile.mkdtemp(prefix="engage-launcher-"))
    made = run_launcher(["exec", "--", "true"], parent / "data")
    assert made.returncode == 0, made.stderr
    yield parent / "data"
    shutil.rmtree(parent, ignore_errors=True)


@pytest.fixture
def data(used_before: Path) -> Iterator[Path]:
    """A data folder that was used before, below a folder which other users may pass through."""
    parent = Path(tempfile.mkdtemp(prefix="engage-launcher-"))
    parent.chmod(0o755)
    shutil.copytree(used_before, parent / "data")
    yield parent / "data"
    shutil.rmtree(parent, ignore_errors=True)


@pytest.fixture
def new_data(data: Path) -> Path:
    """The same folder before its first start: it does not exist."""
    shutil.rmtree(data)
    return data


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
