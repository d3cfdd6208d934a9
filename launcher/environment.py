"""What a command in a second shell needs: the environment of the servers that run now."""

from __future__ import annotations

import os
from pathlib import Path

from launcher.folder import DataFolder, read_env


def data_folder() -> DataFolder:
    """The folder of ENGAGE_DATA, `.data` beside the code when unset."""
    configured = os.environ.get("ENGAGE_DATA")
    return DataFolder(Path(configured) if configured else Path(__file__).parent.parent / ".data")


def running_environment(folder: DataFolder) -> dict[str, str] | None:
    """The variables of the servers that a launcher runs on `folder`, or None when none does."""
    if not folder.is_running() or not folder.run_env.exists():
        return None
    return read_env(folder.run_env)


def adopt_running_servers() -> None:
    """Let `manage.py` use the servers of a running `make run`; what the environment names already stands."""
    for name, value in (running_environment(data_folder()) or {}).items():
        os.environ.setdefault(name, value)
