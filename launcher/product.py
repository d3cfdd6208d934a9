"""`make run`: the servers, the schema, the demo, then web, worker and beat until stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from launcher.errors import LauncherError
from launcher.folder import DataFolder
from launcher.ports import HIGHEST_PORT, LOOPBACK, is_free
from launcher.process import stop_server
from launcher.processes import STOP_PATIENCE_SECONDS
from launcher.servers import Servers, running_servers

PROJECT = Path(__file__).parent.parent
HEALTHY_WITHIN_SECONDS = 120
SWITCH_WORDS = ("1", "true", "yes", "on")


def run_product(folder: DataFolder) -> int:
    """Run everything in the foreground. Returns 1 when a process ended by itself; stopped by an exception else."""
    host, port = os.environ.get("ENGAGE_HOST") or LOOPBACK, wanted_port()
    demo = os.environ.get("ENGAGE_DEMO", "").lower() in SWITCH_WORDS
    settings = {"PORT": str(port), "ENGAGE_HOST": host, "ENGAGE_DEMO": "1" if demo else "0"}
    with running_servers(folder, settings=settings) as servers:
        if not is_free(port, host):
            raise LauncherError(
                f"Port {port} on {host} is in use by another program, or not allowed for this user. Stop that "
                f"program, or choose another port: PORT={port + 1 if port < HIGHEST_PORT else 8000} make run"
            )
        environment = {
            **os.environ,
            **servers.environment,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "PYTHONUNBUFFERED": "1",
        }
        _manage(["migrate", "--noinput", "--verbosity", "0"], environment, "Bringing the database up to date")
        _manage(["collectstatic", "--noinput", "--verbosity", "0"], environment, "Collecting static files")
        if demo:
            _manage(["demo", "--load"], environment, "Preparing the demo workspace")
        return _run_processes(servers, environment, host=host, port=port, demo=demo)


def wanted_port() -> int:
    """PORT as a number, 8000 when unset."""
    text = os.environ.get("PORT") or "8000"
    if not text.isdigit() or not 1 <= int(text) <= HIGHEST_PORT:
        raise LauncherError(f"PORT must be a number from 1 to {HIGHEST_PORT}, not {text!r}.")
    return int(text)


def _run_processes(servers: Servers, environment: dict[str, str], *, host: str, port: int, demo: bool) -> int:
    command = [sys.executable, "-m", "launcher.processes"]
    with _child(servers, command, environment) as processes:
        address = f"http://{host_in_url(host)}:{port}"
        deadline = time.monotonic() + HEALTHY_WITHIN_SECONDS
        announced = False
        while processes.poll() is None:
            problem = servers.ended()
            if problem is not None:
                raise LauncherError(problem)
            if announced:
                time.sleep(0.5)
                continue
            reason = _unhealthy_reason(f"{address}/healthz")
            if reason is None:
                announced = True
                _announce(address, environment, demo=demo)
            elif time.monotonic() > deadline:
                announced = True
                print(f"Engage Admin is at {address}, but not healthy: {reason}", file=sys.stderr, flush=True)
            else:
                time.sleep(0.25)
    print("A process ended by itself, so all were stopped; its last lines are above.", file=sys.stderr)
    return 1


def host_in_url(host: str) -> str:
    """The host under which a server bound to `host` is reached from this machine."""
    reachable = {"0.0.0.0": LOOPBACK, "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"[{reachable}]" if ":" in reachable else reachable


def _manage(words: Sequence[str], environment: dict[str, str], doing: str) -> None:
    print(f"{doing} ...", flush=True)
    process = subprocess.Popen(
        [sys.executable, str(PROJECT / "manage.py"), *words],
        cwd=PROJECT,
        env=environment,
        start_new_session=True,
        text=True,
    )
    try:
        code = process.wait()
    finally:
        stop_server(process, signal.SIGTERM, patience=10)
    if code != 0:
        raise LauncherError(f"{doing} failed: `manage.py {' '.join(words)}` ended with exit code {code}, see above.")


@contextmanager
def _child(servers: Servers, command: Sequence[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(list(command), cwd=PROJECT, env=environment, start_new_session=True, text=True)
    try:
        servers.watchdog.watch(process, "command")
        yield process
    finally:
        stop_server(process, signal.SIGTERM, patience=STOP_PATIENCE_SECONDS + 10)
        servers.watchdog.forget(process)


def _unhealthy_reason(url: str) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - always http, built above
            return None
    except urllib.error.HTTPError as error:
        return error.read(2000).decode(errors="replace").strip() or f"HTTP {error.code}"
    except OSError as error:
        return str(getattr(error, "reason", error))


def _announce(address: str, environment: dict[str, str], *, demo: bool) -> None:
    lines = [f"Engage Admin runs at {address}"]
    if demo:
        result = subprocess.run(
            [sys.executable, str(PROJECT / "manage.py"), "demo", "--json"],
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode == 0:
            login = json.loads(result.stdout)
            lines.append(f"Sign in with {login['email']} and the password {login['password']}")
        else:
            lines.append("The demo login cannot be shown: run `manage.py demo --json` to see why.")
    lines.append("Stop with Ctrl-C")
    width = max(len(line) for line in lines)
    print("\n".join(["", "-" * width, *lines, "-" * width, ""]), flush=True)
