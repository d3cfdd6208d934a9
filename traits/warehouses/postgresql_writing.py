"""Writing Engage's calls into PostgreSQL: each block is one transaction, and a row that is there is passed over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import errors, sql

from engine.warehouse.kinds import Kind
from engine.warehouse.planning import Batch, TablePlan
from traits.warehouses.interface import Forgotten, Limits, WarehouseError

TYPES = {
    Kind.BOOLEAN: "boolean",
    Kind.INTEGER: "bigint",
    Kind.NUMBER: "double precision",
    Kind.TEXT: "text",
    Kind.TIME: "timestamp with time zone",
}
# What people made of a column since; the rest is written as text, and the server says if it takes that.
KINDS = {
    **{name: kind for kind, name in TYPES.items()},
    **dict.fromkeys(("smallint", "integer"), Kind.INTEGER),
    **dict.fromkeys(("numeric", "real"), Kind.NUMBER),
    **dict.fromkeys(("timestamp without time zone", "date"), Kind.TIME),
}
COLUMNS = """
SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, NULL) FROM pg_namespace n
JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p')
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = ANY(%s) ORDER BY n.nspname, c.relname, a.attnum
"""
# Two installations, or two warehouses that are one database, do not make the same table at once.
TURN = "SELECT pg_advisory_xact_lock(hashtextextended('engage ' || %s, 0))"


class PostgresqlWriter:
    """`traits.warehouses.interface.Writer`."""

    def __init__(self, connection: psycopg.Connection, limits: Limits) -> None:
        self._connection = connection
        self._limits = limits

    def tables(self, schemas: Sequence[str]) -> dict[str, dict[str, dict[str, Kind]]]:
        with self._transaction() as connection:
            rows = connection.execute(COLUMNS, [list(schemas)]).fetchall()
        found: dict[str, dict[str, dict[str, Kind]]] = {}
        for schema, table, column, type_name in rows:
            found.setdefault(schema, {}).setdefault(table, {})[column] = KINDS.get(type_name, Kind.TEXT)
        return found

    def write(self, schemas: Mapping[str, Sequence[TablePlan]]) -> dict[str, int]:
        counts: dict[str, int] = {}
        with self._transaction() as connection:
            for schema, plans in sorted(schemas.items()):
                connection.execute(TURN, [schema])
                if not connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [schema]).fetchone():
                    connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
                for plan in plans:
                    _prepare(connection, schema, plan)
                    written = sum(_insert(connection, schema, plan, batch) for batch in plan.batches)
                    counts[f"{schema}.{plan.table}"] = written
        return counts

    def forget(self, wanted: Sequence[Forgotten]) -> dict[str, int]:
        counts: dict[str, int] = {}
        with self._transaction() as connection:
            for one in wanted:
                tests = [
                    sql.SQL("lower({}::text) = ANY(%s)" if match.any_case else "{}::text = ANY(%s)").format(
                        sql.Identifier(match.column)
                    )
                    for match in one.matches
                ]
                statement = sql.SQL("DELETE FROM {} WHERE {}").format(
                    sql.Identifier(one.schema, one.table), sql.SQL(" OR ").join(tests)
                )
                cursor = connection.execute(statement, [list(match.values) for match in one.matches])
                counts[f"{one.schema}.{one.table}"] = cursor.rowcount
        return counts

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Connection]:
        try:
            with self._connection.transaction():
                self._connection.execute(f"SET LOCAL statement_timeout = {int(self._limits.seconds * 1000)}")
                self._connection.execute("SET LOCAL TimeZone = 'UTC'")
                yield self._connection
        except psycopg.Error as error:
            raise _refused(error, self._limits) from error


def _prepare(connection: psycopg.Connection, schema: str, plan: TablePlan) -> None:
    """The table with all its columns."""
    table = sql.Identifier(schema, plan.table)
    if plan.is_new:
        own = {name: kind for name, kind in plan.kinds.items() if name not in plan.added}
        columns = [_column(name, kind) for name, kind in own.items()]
        connection.execute(
            sql.SQL("CREATE TABLE IF NOT EXISTS {} ({}, PRIMARY KEY (id))").format(table, sql.SQL(", ").join(columns))
        )
    for name, kind in plan.added.items():
        connection.execute(sql.SQL("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {}").format(table, _column(name, kind)))
    for name, kind in plan.widened.items():
        connection.execute(
            sql.SQL("ALTER TABLE {0} ALTER COLUMN {1} TYPE {2} USING {1}::{2}").format(
                table, sql.Identifier(name), sql.SQL(TYPES[kind])
            )
        )


def _column(name: str, kind: Kind) -> sql.Composed:
    return sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(TYPES[kind]))


def _insert(connection: psycopg.Connection, schema: str, plan: TablePlan, batch: Batch) -> int:
    """How many rows are new, or got new values."""
    arrays = [sql.SQL("%s::{}[]").format(sql.SQL(TYPES[plan.kinds[name]])) for name in batch.columns]
    changed = [sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in batch.columns if name != "id"]
    conflict = sql.SQL("UPDATE SET {}").format(sql.SQL(", ").join(changed)) if plan.is_upsert else sql.SQL("NOTHING")
    statement = sql.SQL("INSERT INTO {} ({}) SELECT * FROM unnest({}) ON CONFLICT (id) DO {}").format(
        sql.Identifier(schema, plan.table),
        sql.SQL(", ").join(sql.Identifier(name) for name in batch.columns),
        sql.SQL(", ").join(arrays),
        conflict,
    )
    return connection.execute(statement, [list(column) for column in zip(*batch.rows, strict=True)]).rowcount


def _refused(error: psycopg.Error, limits: Limits) -> WarehouseError:  # noqa: PLR0911 - one a cause
    said = (error.diag.message_primary or str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")[:300]
    if isinstance(error, errors.QueryCanceled):
        detail = (
            f"Writing a block of rows took longer than {limits.seconds:g} seconds and was stopped. Is a lock held on "
            "the tables? Otherwise let the operator raise ENGAGE_WAREHOUSE_SECONDS."
        )
        return WarehouseError(detail, is_transient=True)
    if isinstance(error, errors.InsufficientPrivilege):
        detail = (
            f"PostgreSQL says: {said}. Grant the user CREATE on the database, or make the schema for them: "
            "CREATE SCHEMA … AUTHORIZATION their name."
        )
        return WarehouseError(detail)
    if isinstance(error, errors.InvalidColumnReference):
        detail = "A table of that name is there already and was not made by Engage: it has no primary key on id."
        return WarehouseError(f"{detail} Rename it, and sync again.")
    if isinstance(error, errors.FeatureNotSupported | errors.DependentObjectsStillExist) and "view" in said:
        more = error.diag.message_detail or ""
        detail = f"PostgreSQL says: {said}: {more.rstrip('.')}. Drop the view, sync, and make it again."
        return WarehouseError(detail)
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return WarehouseError("The server takes no changes: it is a replica, or set to read only.", path="/host")
    if error.sqlstate is None or error.sqlstate[:2] in {"08", "40", "53", "55", "57"}:
        return WarehouseError(f"The warehouse could not take the rows now: {said}.", is_transient=True)
    return WarehouseError(f"PostgreSQL says: {said}.")
