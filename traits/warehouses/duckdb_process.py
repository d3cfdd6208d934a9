"""A process in which a DuckDB file is opened; ended when an answer takes longer than the time limit.

What takes too much memory, and a broken file that brings a process down, ends there and not in a worker.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from django.conf import settings as product

from traits.warehouses.interface import Limits, WarehouseError


class Child:
    """`module` is run, gets `request` as its first line, answers with JSON lines; errors become sentences here."""

    module = "traits.warehouses.duckdb_child"

    def __init__(self, path: Path, request: dict[str, Any], limits: Limits) -> None:
        self.path = path
        self._limits = limits
        self._is_late = False
        # Nothing of our environment goes along: secrets are in it.
        self._process = subprocess.Popen(
            [sys.executable, "-m", self.module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=product.BASE_DIR,
            env={"PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC"},
            text=True,
            encoding="utf-8",
        )
        self.send({"path": str(path), "memory_mb": product.ENGAGE_WAREHOUSE_MEMORY_MB, **request})

    def send(self, message: dict[str, Any]) -> None:
        """What happened to a process that is gone is told by the next `read`."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()

    def _end_late(self) -> None:
        self._is_late = True
        self._process.kill()

    def close(self) -> None:
        self._process.kill()
        # Closes the pipes as well.
        with contextlib.suppress(BrokenPipeError, ValueError):
            self._process.communicate()

    def read(self) -> dict[str, Any]:
        """The next message. WarehouseError for what went wrong, also when the process is gone."""
        assert self._process.stdout is not None
        timer = threading.Timer(self._limits.seconds, self._end_late)
        timer.daemon = True
        timer.start()
        try:
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        if self._is_late:
            raise self.late(self._limits.seconds)
        if not line.endswith("\n"):
            raise self.too_large()
        message: dict[str, Any] = json.loads(line, parse_float=Decimal)
        if "error" in message:
            raise self.refused(message["kind"], message["error"])
        return message

    def late(self, seconds: float) -> WarehouseError:
        return WarehouseError(
            f"The query took longer than {seconds:g} seconds and was stopped. Make it faster, or select less.",
            path="/query",
        )

    def too_large(self) -> WarehouseError:
        return WarehouseError(
            f"The query needs more memory than {product.ENGAGE_WAREHOUSE_MEMORY_MB} MB. Select less, or let the "
            "operator raise ENGAGE_WAREHOUSE_MEMORY_MB.",
            path="/query",
        )

    def refused(self, kind: str, said: str) -> WarehouseError:
        """`kind` is the name of a class of DuckDB's errors."""
        if kind == duckdb.ConnectionException.__name__:
            return self.not_opened(said)
        if kind == duckdb.OutOfMemoryException.__name__:
            return self.too_large()
        return WarehouseError(f"DuckDB says: {first_line(said)}.")

    def not_opened(self, said: str) -> WarehouseError:
        if "lock" in said.lower():
            detail = f"{self.path} is open for writing in another program. The query runs once that has closed it."
            return WarehouseError(detail, path="/path", is_transient=True)
        if "not a valid" in said:
            return WarehouseError(f"{self.path} is no DuckDB database.", path="/path")
        return WarehouseError(f"{self.path} could not be opened: {first_line(said)}.", path="/path")


def first_line(text: str) -> str:
    return text.strip().splitlines()[0].strip().rstrip(".")[:300] if text.strip() else "no reason was given"
