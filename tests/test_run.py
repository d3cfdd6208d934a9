"""`make run` without the demo, end to end: healthy, stopped, killed, refused."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from launcher.ports import choose_free
from launcher.tests.conftest import data, start, used_before
from launcher.tests.launching import (
    PROJECT,
    Launched,
    environment_for,
    processes_naming,
    run_launcher,
    wait_until,
)

__all__ = ["data", "start", "used_before"]


@pytest.fixture
def port() -> int:
    return choose_free()


@pytest.fixture
def product(start, port: int) -> Launched:
    return start("run", PORT=str(port), ENGAGE_WORKER_CONCURRENCY="1", ENGAGE_WEB_WORKERS="1")


def health(port: int) -> dict[str, object]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)
    except OSError:
        return {}


def wait_until_announced(product: Launched) -> None:
    def announced() -> bool:
        assert product.process.poll() is None, product.output
        return "Engage Admin runs at" in product.output

    wait_until(announced, timeout=180)


def test_it_becomes_healthy_and_stops_without_a_trace(data: Path, port: int, product: Launched) -> None:
    wait_until_announced(product)
    answer = health(port)
    second_shell = subprocess.run(
        [sys.executable, "manage.py", "shell", "-c", "from spaces.models import User; print(User.objects.count())"],
        cwd=PROJECT,
        env=environment_for(data),
        capture_output=True,
        text=True,
        check=False,
    )

    product.process.send_signal(signal.SIGTERM)

    assert product.wait(90) == 0, product.output
    assert answer == {
        "status": "ok",
        "database": "ok",
        "broker": "ok",
        "workers": "ok",
        "oldest_work_seconds": {"ingest": None, "compute": None, "deliver": None, "journeys": None},
        "problems": [],
    }
    assert second_shell.stdout.split()[-1] == "0", second_shell.stderr
    assert processes_naming(str(data)) == []
    assert "Traceback" not in product.output


def test_killed_it_leaves_nothing_and_starts_again(data: Path, port: int, product: Launched, start) -> None:
    wait_until_announced(product)

    os.kill(product.process.pid, signal.SIGKILL)
    product.wait()
    again = start("run", PORT=str(port), ENGAGE_WORKER_CONCURRENCY="1", ENGAGE_WEB_WORKERS="1")
    wait_until_announced(again)

    assert health(port)["status"] == "ok"


def test_a_process_that_ends_by_itself_stops_the_rest(data: Path, product: Launched) -> None:
    wait_until_announced(product)
    (beat,) = [
        pid for pid in processes_naming(str(data)) if b"beat\0--loglevel" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]

    os.kill(beat, signal.SIGKILL)

    assert product.wait(90) == 1
    assert "A process ended by itself, so all were stopped; its last lines are above." in product.output
    assert processes_naming(str(data)) == []


def test_a_busy_port_gives_a_sentence_and_stops_the_servers(data: Path, port: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()

        result = run_launcher(["run"], data, PORT=str(port))

    assert result.returncode == 1
    assert result.stderr == (
        f"error: Port {port} on 127.0.0.1 is in use by another program, or not allowed for this user. Stop that "
        f"program, or choose another port: PORT={port + 1} make run\n"
    )
    assert processes_naming(str(data)) == []


@pytest.mark.parametrize("text", ["web", "0", "65536", "-1", "80.5"])
def test_a_port_that_is_none_gives_a_sentence(tmp_path: Path, text: str) -> None:
    result = run_launcher(["run"], tmp_path / "data", PORT=text)

    assert (result.returncode, result.stderr) == (
        1,
        f"error: PORT must be a number from 1 to 65535, not '{text}'.\n",
    )
