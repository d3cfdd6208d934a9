"""Runs the processes of the Procfile by honcho: `python -m launcher.processes`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import honcho.manager
from honcho.environ import parse_procfile

PROCFILE = Path(__file__).parent.parent / "Procfile"
# honcho kills what has not stopped after 5 s; a worker finishes the block in hand first (ENGAGE_TASK_SECONDS, 20).
STOP_PATIENCE_SECONDS = 30


def main() -> int:
    """Run until a signal comes or one process ends; then stop the others and return that exit code."""
    honcho.manager.KILL_WAIT = STOP_PATIENCE_SECONDS
    manager = honcho.manager.Manager()
    for name, command in parse_procfile(PROCFILE.read_text()).processes.items():
        manager.add_process(name, command, env=dict(os.environ), cwd=str(PROCFILE.parent))
    manager.loop()
    return int(manager.returncode or 0)


if __name__ == "__main__":
    sys.exit(main())
