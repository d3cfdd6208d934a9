"""A small process that outlives a killed launcher just long enough to stop what the launcher had started.

It holds the data folder's lock until all is stopped, so that the next start cannot meet the leftovers. Run as
`python -m launcher.watchdog`; reads lines from standard input, whose end means that the launcher is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

# Signal and patience in seconds; stopped in the order of this table, the database last.
KINDS = {
    "command": (signal.SIGTERM, 20.0),
    "valkey": (signal.SIGTERM, 20.0),
    "postgres": (signal.SIGINT, 90.0),
}


class Watchdog:
    """The launcher's side. Everything watched is stopped if this process dies without `dismiss`."""

    def __init__(self, lock: int, *, remove: Path | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "launcher.watchdog"],
            stdin=subprocess.PIPE,
            pass_fds=(lock,),
            start_new_session=True,
            text=True,
            cwd=Path(__file__).parent.parent,
        )
        if remove is not None:
            self._tell({"remove": str(remove)})

    def watch(self, process: subprocess.Popen[str] | None, kind: str) -> None:
        """Stop `process` too; `kind` is a key of KINDS."""
        if process is not None:
            self._tell({"pid": process.pid, "kind": kind})

    def forget(self, process: subprocess.Popen[str]) -> None:
        """The process has ended; its number may be another's soon."""
        self._tell({"forget": process.pid})

    def dismiss(self) -> None:
        """All is stopped in order; nothing is left to do."""
        self._tell({"dismiss": True})
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process.wait()

    def _tell(self, message: dict[str, str | int]) -> None:
        if self._process.stdin is not None:
            # A watchdog that somebody killed is missed only if we are killed too.
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(json.dumps(message) + "\n")
                self._process.stdin.flush()


def main() -> None:
    """Listen until the launcher ends; then stop what is left unless dismissed."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watched: dict[int, str] = {}
    remove = None
    for line in sys.stdin:
        message = json.loads(line)
        if message.get("dismiss"):
            return
        if "remove" in message:
            remove = message["remove"]
        elif "forget" in message:
            watched.pop(message["forget"], None)
        else:
            watched[message["pid"]] = message["kind"]
    for kind, (number, patience) in KINDS.items():
        for pid in [pid for pid, watched_kind in watched.items() if watched_kind == kind]:
            _stop(pid, number, patience)
    if remove is not None:
        shutil.rmtree(remove, ignore_errors=True)


def _stop(pid: int, number: int, patience: float) -> None:
    deadline = time.monotonic() + patience
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
        while time.monotonic() < deadline:
            time.sleep(0.05)
            os.kill(pid, 0)
            if _is_zombie(pid):
                return
        os.kill(pid, signal.SIGKILL)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False


if __name__ == "__main__":
    main()
