"""The whole product as its users run it: bundled servers, web, worker, beat, in a folder and on a port of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
START_SECONDS = 180
OWN_VARIABLES = ("DATABASE_URL", "REDIS_URL", "PORT", "DJANGO_SETTINGS_MODULE")


class ProductError(AssertionError):
    """The product did not do in time what was waited for; the message holds its last output."""


@dataclass(frozen=True, kw_only=True)
class Product:
    """A running product. `demo` is what `manage.py demo --json` prints."""

    url: str
    folder: Path
    process: subprocess.Popen[bytes]
    log: Path
    environment: dict[str, str]
    demo: dict[str, str]

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Call the REST API below /api/v1/ with the demo's token; the JSON answer, or HTTPError."""
        return self.request(
            method, f"/api/v1/{path.lstrip('/')}", body, {"Authorization": f"Token {self.demo['api_token']}"}
        )

    def request(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}{path}", data, {"Content-Type": "application/json", **(headers or {})}, method=method
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            text = response.read()
        return json.loads(text) if text else None

    def manage(self, *command: str) -> str:
        """Run a management command against this product; its output. ProductError with what it said when it failed."""
        ran = subprocess.run(
            [sys.executable, str(PROJECT / "manage.py"), *command],
            env=self.environment,
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode != 0:
            raise ProductError(f"manage.py {' '.join(command)} ended with {ran.returncode}\n{ran.stderr[-4000:]}")
        return ran.stdout

    def worker_pids(self) -> list[int]:
        """The Celery worker's processes, the parent first."""
        listing = subprocess.run(["ps", "-eo", "pid,pgid,args"], capture_output=True, text=True, check=True).stdout
        found = []
        for line in listing.splitlines()[1:]:
            pid, _, args = line.strip().split(None, 2)
            if "celery" in args and " worker " in args and self._is_ours(int(pid)):
                found.append(int(pid))
        return found

    def _is_ours(self, pid: int) -> bool:
        try:
            variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            return False
        return f"ENGAGE_DATA={self.folder}".encode() in variables

    def wait(self, what: str, check: Any, seconds: float = 120, every: float = 0.5) -> Any:
        """The first true answer of `check()`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if answer := check():
                return answer
            time.sleep(every)
        raise ProductError(f"{what}: not within {seconds} s\n{tail(self.log)}")

    def wait_idle(self, seconds: float = 240) -> None:
        """Until nothing waits to be ingested, computed or delivered."""

        def idle() -> bool:
            ages = self.request("GET", "/healthz")["oldest_work_seconds"]
            return all(age is None for age in ages.values())

        self.wait("the queues are empty", idle, seconds)


def tail(path: Path, lines: int = 40) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running_product(
    folder: Path, *, people: int, port: int | None = None, settings: dict[str, str] | None = None
) -> Iterator[Product]:
    """`make run` without make: start, wait until healthy, stop with SIGTERM in the end."""
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    environment = {name: value for name, value in os.environ.items() if name not in OWN_VARIABLES}
    environment = {name: value for name, value in environment.items() if not name.startswith("ENGAGE_")}
    environment |= {
        "ENGAGE_DATA": str(folder),
        "ENGAGE_DEMO": "1",
        "ENGAGE_DEMO_PEOPLE": str(people),
        "PORT": str(port),
        **(settings or {}),
    }
    log = folder / "product.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "launcher", "run"], cwd=PROJECT, env=environment, stdout=output, stderr=output
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_healthy(process, url, log)
        product = Product(url=url, folder=folder, process=process, log=log, environment=environment, demo={})
        demo = json.loads(product.manage("demo", "--json"))
        product.demo.update(demo)
        yield product
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait_healthy(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ProductError(f"the product stopped with {process.returncode}\n{tail(log)}")
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=5) as response:
                if response.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.3)
    raise ProductError(f"the product was not healthy within {START_SECONDS} s\n{tail(log)}")
