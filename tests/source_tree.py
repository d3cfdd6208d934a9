"""The files of the project, for the tests that read all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parent.parent
SKIPPED_FOLDERS = {"__pycache__", "node_modules", "screenshots", "staticfiles", "bundled"}


def files(suffix: str, *, below: str = ".") -> list[Path]:
    """Files ending in `suffix`, relative to the project, sorted; without generated and hidden folders."""
    return sorted(path.relative_to(PROJECT) for path in _walk(PROJECT / below) if path.name.endswith(suffix))


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in SKIPPED_FOLDERS]
        yield from (Path(parent, name) for name in names)


PYTHON_FILES = files(".py")
MODULES = [path for path in PYTHON_FILES if "migrations" not in path.parts]
TEMPLATES = files(".html", below="templates")
