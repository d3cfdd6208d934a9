"""The process in which a DuckDB file is written: `python -m traits.warehouses.duckdb_writing_child`.

Reads JSON lines: `{"path", "memory_mb"}`, answered `{"opened": true}`; then `{"op": "tables", "schemas"}`, answered
`{"tables": {schema: {table: {column: kind}}}}`; `{"op": "write", "schemas": {schema: [plan]}}` and `{"op": "forget",
"wanted": […]}`, one transaction each, answered `{"rows": {"schema.table": count}}`; `{"op": "close"}`, answered
`{"closed": true}`. Or `{"error": …, "kind": class of DuckDB}`, and the process ends.

Tables have no primary key: DuckDB changes no type of a table with an index. Only one process can have a file open for
writing, so that looking for an id before writing it is enough.
"""

from __future__ import annotations

import json
import sys
from typing import Any, TextIO

import duckdb

from traits.warehouses.duckdb_opening import failure, opened, say

# Times are of UTC.
TYPES = {"boolean": "BOOLEAN", "integer": "BIGINT", "number": "DOUBLE", "text": "VARCHAR", "time": "TIMESTAMP"}
KINDS = {
    **{name: kind for kind, name in TYPES.items()},
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER"), "integer"),
    **dict.fromkeys(("FLOAT", "DECIMAL"), "number"),
    **dict.fromkeys(("TIMESTAMP WITH TIME ZONE", "DATE", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), "time"),
}
COLUMNS = """
SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns()
WHERE database_name = current_database() AND schema_name IN (SELECT unnest(?::VARCHAR[])) ORDER BY 1, 2, column_index
"""


def main(source: TextIO, sink: TextIO) -> None:
    request = json.loads(source.readline())
    try:
        with opened(request["path"], memory_mb=request["memory_mb"], is_read_only=False) as connection:
            say(sink, {"opened": True})
            while line := source.readline():
                message = json.loads(line)
                if message["op"] == "close":
                    break
                say(sink, _answer(connection, message))
        say(sink, {"closed": True})
    except (duckdb.Error, MemoryError) as error:
        say(sink, failure(error))


def _answer(connection: duckdb.DuckDBPyConnection, message: dict[str, Any]) -> dict[str, Any]:
    if message["op"] == "tables":
        return {"tables": _tables(connection, message["schemas"])}
    connection.execute("BEGIN")
    rows = (
        _write(connection, message["schemas"]) if message["op"] == "write" else _forget(connection, message["wanted"])
    )
    connection.execute("COMMIT")
    return {"rows": rows}


def _tables(connection: duckdb.DuckDBPyConnection, schemas: list[str]) -> dict[str, dict[str, dict[str, str]]]:
    found: dict[str, dict[str, dict[str, str]]] = {}
    for schema, table, column, type_name in connection.execute(COLUMNS, [schemas]).fetchall():
        kind = KINDS.get(str(type_name).partition("(")[0], "text")
        found.setdefault(schema, {}).setdefault(table, {})[column] = kind
    return found


def _write(connection: duckdb.DuckDBPyConnection, schemas: dict[str, list[dict[str, Any]]]) -> dict[str, int]:
    counts = {}
    for schema, plans in schemas.items():
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_quoted(schema)}")
        for plan in plans:
            table = f"{_quoted(schema)}.{_quoted(plan['table'])}"
            _prepare(connection, table, plan)
            counts[f"{schema}.{plan['table']}"] = sum(_insert(connection, table, plan, one) for one in plan["batches"])
    return counts


def _prepare(connection: duckdb.DuckDBPyConnection, table: str, plan: dict[str, Any]) -> None:
    if plan["is_new"]:
        own = [(name, kind) for name, kind in plan["kinds"].items() if name not in plan["added"]]
        columns = ", ".join(f"{_quoted(name)} {TYPES[kind]}" for name, kind in own)
        connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")
    for name, kind in plan["added"].items():
        connection.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {_quoted(name)} {TYPES[kind]}")
    for name, kind in plan["widened"].items():
        connection.execute(f"ALTER TABLE {table} ALTER COLUMN {_quoted(name)} SET DATA TYPE {TYPES[kind]}")


def _insert(connection: duckdb.DuckDBPyConnection, table: str, plan: dict[str, Any], batch: dict[str, Any]) -> int:
    """How many rows are new, or got new values."""
    names = batch["columns"]
    lists = [list(column) for column in zip(*batch["rows"], strict=True)]
    columns = ", ".join(_quoted(name) for name in names)
    given = ", ".join(f"unnest(?::{TYPES[plan['kinds'][name]]}[]) AS {_quoted(name)}" for name in names)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE engage_block AS SELECT {given}", lists)
    changed = 0
    if plan["is_upsert"]:
        sets = ", ".join(f"{_quoted(name)} = b.{_quoted(name)}" for name in names if name != "id")
        changed = _count(connection, f"UPDATE {table} t SET {sets} FROM engage_block b WHERE t.id = b.id")  # noqa: S608
    return changed + _count(
        connection,
        f"INSERT INTO {table} ({columns}) SELECT {columns} FROM engage_block b "  # noqa: S608
        f"WHERE NOT EXISTS (SELECT 1 FROM {table} t WHERE t.id = b.id)",
    )


def _forget(connection: duckdb.DuckDBPyConnection, wanted: list[dict[str, Any]]) -> dict[str, int]:
    counts = {}
    for one in wanted:
        tests, values = [], []
        for match in one["matches"]:
            text = f"{_quoted(match['column'])}::VARCHAR"
            tests.append(f"{f'lower({text})' if match['any_case'] else text} IN (SELECT unnest(?::VARCHAR[]))")
            values.append(match["values"])
        table = f"{_quoted(one['schema'])}.{_quoted(one['table'])}"
        statement = f"DELETE FROM {table} WHERE {' OR '.join(tests)}"  # noqa: S608
        counts[f"{one['schema']}.{one['table']}"] = _count(connection, statement, values)
    return counts


def _count(connection: duckdb.DuckDBPyConnection, statement: str, values: list[Any] | None = None) -> int:
    row = connection.execute(statement, values or []).fetchone()
    return int(row[0]) if row else 0


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


if __name__ == "__main__":
    main(sys.stdin, sys.stdout)
