"""Starting `python -m launcher` in a test, in a folder of its own and without the caller's servers."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psycopg

from launcher.folder import read_env

PROJECT = Path(__file__).parent.parent.parent
OWN_VARIABLES = ("DATABASE_URL", "REDIS_URL", "ENGAGE_DATA", "ENGAGE_DEMO", "PORT", "ENGAGE_HOST")


class Launched:
    """A launcher that runs in the background; its output is collected line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def wait(self, timeout: float = 60) -> int:
        code = self.process.wait(timeout)
        self._reader.join(10)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)


def environment_for(data: Path, **variables: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in OWN_VARIABLES}
    return {**inherited, "ENGAGE_DATA": str(data), **variables}


def launch(words: Sequence[str], data: Path, **variables: str) -> Launched:
    """Start the launcher with its standard error in its output."""
    process = subprocess.Popen(
        [sys.executable, "-m", "launcher", *words],
        cwd=PROJECT,
        env=environment_for(data, **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    return Launched(process)


def run_launcher(words: Sequence[str], data: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the launcher to its end."""
    return subprocess.run(
        [sys.executable, "-m", "launcher", *words],
        cwd=PROJECT,
        env=environment_for(data, **variables),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def wait_until(condition: Callable[[], bool], *, timeout: float = 60) -> None:
    """Poll until `condition` holds; fail after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def wait_for_servers(data: Path, launched: Launched) -> Mapping[str, str]:
    """The environment of the servers once they run."""

    def running() -> bool:
        assert launched.process.poll() is None, launched.output
        return (data / "run.env").exists()

    wait_until(running)
    return read_env(data / "run.env")


def execute_sql(environment: Mapping[str, str], statement: str) -> list[tuple[object, ...]]:
    """Run one statement on the servers' database."""
    with psycopg.connect(environment["DATABASE_URL"], autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def processes_naming(text: str) -> list[int]:
    """Ids of the live processes whose command line or environment names `text`."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            told = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:
            continue
        if text.encode() in told:
            found.append(int(folder.name))
    return found
