"""Opening a DuckDB file inside a process of its own: what it may take, and what it may reach."""

from __future__ import annotations

import json
import resource
from typing import Any, TextIO

import duckdb

THREADS = 2
# Beside the memory of DuckDB: the interpreter, libraries, the block of rows and buffers that it does not count.
MORE_BYTES = 2 * 1024**3


def opened(path: str, *, memory_mb: int, is_read_only: bool) -> duckdb.DuckDBPyConnection:
    """The file, shut off from everything else; the process is held to its memory from here on.

    `duckdb.ConnectionException` for whatever is wrong with the file.
    """
    most = memory_mb * 1024**2 + MORE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    try:
        return duckdb.connect(
            path,
            read_only=is_read_only,
            config={
                "enable_external_access": "false",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "memory_limit": f"{memory_mb}MB",
                "threads": str(THREADS),
                "lock_configuration": "true",
            },
        )
    except duckdb.Error as error:
        raise duckdb.ConnectionException(str(error)) from error


def failure(error: duckdb.Error | MemoryError) -> dict[str, Any]:
    """The message about an error: `{"error": …, "kind": class of DuckDB}`."""
    if isinstance(error, MemoryError):
        return {"error": "", "kind": duckdb.OutOfMemoryException.__name__}
    return {"error": str(error), "kind": type(error).__name__}


def say(sink: TextIO, message: dict[str, Any]) -> None:
    sink.write(json.dumps(message) + "\n")
    sink.flush()
