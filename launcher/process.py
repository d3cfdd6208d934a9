"""One server process: started in a session of its own, its output in a log, stopped by a signal and waited for."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

LOG_LIMIT_BYTES = 20_000_000


def start_server(
    command: Sequence[str],
    *,
    log: Path,
    folder: Path,
    identity: Mapping[str, Any] | None = None,
    standard_input: str | None = None,
) -> subprocess.Popen[str]:
    """Start `command` out of reach of the terminal's Ctrl-C, with a plain locale."""
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PG"))}
    with log.open("a") as output:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL if standard_input is None else subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**environment, "LC_ALL": "C"},
            start_new_session=True,
            text=True,
            **(identity or {}),
        )
    if standard_input is not None and process.stdin is not None:
        process.stdin.write(standard_input)
        process.stdin.close()
    return process


def stop_server(process: subprocess.Popen[str], signal_number: int, *, patience: float) -> None:
    """Ask by `signal_number`, wait `patience` seconds, then kill."""
    if process.poll() is not None:
        return
    process.send_signal(signal_number)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def stop_stray(pid: int, mark: str, signal_number: int, *, patience: float) -> None:
    """Stop a server that an earlier launcher left behind: process `pid`, if its command line contains `mark`."""
    if mark not in command_line(pid):
        return
    os.kill(pid, signal_number)
    deadline = time.monotonic() + patience
    while mark in command_line(pid):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            deadline += patience
        time.sleep(0.05)


def command_line(pid: int) -> str:
    """The command line of a process, empty when there is none (or when it is a zombie)."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return ""
    except OSError:
        return ""
    try:
        result = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return result.stdout


def log_tail(log: Path, start: int, words: Sequence[str]) -> str:
    """The last line after byte `start` of a log that has one of `words`, else the last line, else nothing."""
    try:
        with log.open("rb") as file:
            file.seek(start)
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    except OSError:
        return ""
    telling = [line for line in lines if any(word in line for word in words)]
    return (telling or lines or [""])[-1]
