"""The process in which a DuckDB file is read: `python -m traits.warehouses.duckdb_child`.

A query can take more memory than DuckDB is told to, and a broken file can bring a process down; both end here and not
in a worker. Reads one JSON line, `{"path", "query", "memory_mb", "block_rows"}` ("query" null: only open the file), and
writes JSON lines: `{"columns": [[name, type], …]}`, `{"rows": [[…], …]}` …, `{"end": true}`, or `{"error": …,
"kind": class of DuckDB}`.
"""

from __future__ import annotations

import json
import sys
from typing import Any, TextIO

import duckdb

from engine.traits.json_values import json_text
from traits.warehouses.duckdb_opening import failure, opened, say

NOT_SELECT = "NotSelect"


def main(source: TextIO, sink: TextIO) -> None:
    request = json.loads(source.readline())
    try:
        with opened(request["path"], memory_mb=request["memory_mb"], is_read_only=True) as connection:
            _answer(connection, request, sink)
    except (duckdb.Error, MemoryError) as error:
        say(sink, failure(error))


def _answer(connection: duckdb.DuckDBPyConnection, request: dict[str, Any], sink: TextIO) -> None:
    if request["query"] is None:
        row = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE NOT internal").fetchone()
        say(sink, {"tables": row[0] if row else 0})
        return
    statements = connection.extract_statements(request["query"])
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        say(sink, {"error": "", "kind": NOT_SELECT})
        return
    cursor = connection.execute(statements[0])
    say(sink, {"columns": [[str(one[0]), str(one[1])] for one in cursor.description or []]})
    while rows := cursor.fetchmany(request["block_rows"]):
        lines = ",".join("[" + ",".join([json_text(value) for value in row]) + "]" for row in rows)
        sink.write(f'{{"rows":[{lines}]}}\n')
        sink.flush()
    say(sink, {"end": True})


if __name__ == "__main__":
    main(sys.stdin, sys.stdout)
