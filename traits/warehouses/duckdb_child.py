"""The process in which a DuckDB file is read: `python -m traits.warehouses.duckdb_child`.

A query can take more memory than DuckDB is told to, and a broken file can bring a process down; both end here and not
in a worker. Reads one JSON line, `{"path", "query", "memory_mb", "block_rows"}` ("query" null: only open the file), and
writes JSON lines: `{"columns": [[name, type], …]}`, `{"rows": [[…], …]}` …, `{"end": true}`, or `{"error": …,
"kind": class of DuckDB}`.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any, TextIO

import duckdb

from engine.traits.json_values import json_text

THREADS = 2
# Beside the memory of DuckDB: the interpreter, libraries and buffers that it does not count.
MORE_BYTES = 2 * 1024**3
NOT_SELECT = "NotSelect"


def main(source: TextIO, sink: TextIO) -> None:
    request = json.loads(source.readline())
    most = request["memory_mb"] * 1024**2 + MORE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    try:
        with _opened(request) as connection:
            _answer(connection, request, sink)
    except duckdb.Error as error:
        _say(sink, {"error": str(error), "kind": type(error).__name__})
    except MemoryError:
        _say(sink, {"error": "", "kind": duckdb.OutOfMemoryException.__name__})


def _opened(request: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    """The file, for reading only, shut off from everything else."""
    try:
        return duckdb.connect(
            request["path"],
            read_only=True,
            config={
                "enable_external_access": "false",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "memory_limit": f"{request['memory_mb']}MB",
                "threads": str(THREADS),
                "lock_configuration": "true",
            },
        )
    except duckdb.Error as error:
        raise duckdb.ConnectionException(str(error)) from error


def _answer(connection: duckdb.DuckDBPyConnection, request: dict[str, Any], sink: TextIO) -> None:
    if request["query"] is None:
        row = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE NOT internal").fetchone()
        _say(sink, {"tables": row[0] if row else 0})
        return
    statements = connection.extract_statements(request["query"])
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        _say(sink, {"error": "", "kind": NOT_SELECT})
        return
    cursor = connection.execute(statements[0])
    _say(sink, {"columns": [[str(one[0]), str(one[1])] for one in cursor.description or []]})
    while rows := cursor.fetchmany(request["block_rows"]):
        lines = ",".join("[" + ",".join([json_text(value) for value in row]) + "]" for row in rows)
        sink.write(f'{{"rows":[{lines}]}}\n')
        sink.flush()
    _say(sink, {"end": True})


def _say(sink: TextIO, message: dict[str, Any]) -> None:
    sink.write(json.dumps(message) + "\n")
    sink.flush()


if __name__ == "__main__":
    main(sys.stdin, sys.stdout)
