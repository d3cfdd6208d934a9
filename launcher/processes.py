"""Runs the processes of the Procfile by honcho: `python -m launcher.processes`."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

import honcho.manager
from honcho.environ import parse_procfile

PROCFILE = Path(__file__).parent.parent / "Procfile"
# honcho kills what has not stopped after 5 s; a worker finishes the block in hand first (ENGAGE_TASK_SECONDS, 20).
STOP_PATIENCE_SECONDS = 30


class _Signals:
    """Stops a process by asking it alone, so that a worker's children finish what they have in hand.

    honcho's own asks the whole group, which ends the children of Celery in mid-task. The Procfile says `exec`, so
    the process is the program itself and no shell.
    """

    def terminate(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)

    def kill(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def main() -> int:
    """Run until a signal comes or one process ends; then stop the others and return that exit code."""
    honcho.manager.KILL_WAIT = STOP_PATIENCE_SECONDS
    manager = honcho.manager.Manager()
    manager._procmgr = _Signals()
    for name, command in parse_procfile(PROCFILE.read_text()).processes.items():
        manager.add_process(name, command, env=dict(os.environ), cwd=str(PROCFILE.parent))
    manager.loop()
    return int(manager.returncode or 0)


if __name__ == "__main__":
    sys.exit(main())
