"""A warehouse for tests: a schema in the PostgreSQL of the test run, or a DuckDB file, and traits that read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import psycopg
from django.db import connection

from spaces.models import Space
from traits.models import SqlRun, Trait, WarehouseSource
from traits.services.sql_running import work
from traits.services.sql_runs import claim_run
from traits.services.sql_traits import create_sql_trait
from traits.services.warehouses import create_warehouse

QUERY = "SELECT user_id, plan, ltv FROM customers"


def server() -> dict[str, Any]:
    """Where the PostgreSQL of the test run is, as settings of a warehouse."""
    given = connection.get_connection_params()
    return {
        "host": given["host"],
        "port": str(given["port"]),
        "database": given["dbname"],
        "user": given["user"],
        "password": given["password"],
        "sslmode": "disable",
    }


def on_server(*statements: str) -> None:
    """Run statements in the same database, committed, beside the transaction of the test."""
    given = server()
    with psycopg.connect(
        host=given["host"], port=given["port"], dbname=given["database"], user=given["user"],
        password=given["password"], autocommit=True,
    ) as own:  # fmt: skip
        for statement in statements:
            own.execute(statement.encode())


def in_file(path: Path, *statements: str) -> None:
    with duckdb.connect(str(path)) as own:
        for statement in statements:
            own.execute(statement)


def fill_file(path: Path, rows: Sequence[tuple[Any, ...]]) -> None:
    """The table `customers` with user id, plan and lifetime value."""
    in_file(path, "CREATE OR REPLACE TABLE customers (user_id VARCHAR, plan VARCHAR, ltv DECIMAL(20, 2))")
    if rows:
        with duckdb.connect(str(path)) as own:
            own.executemany("INSERT INTO customers VALUES (?, ?, ?)", rows)


def make_duckdb(*, space: Space, path: Path, name: str = "Files", **settings: Any) -> WarehouseSource:
    given = {"path": str(path), **settings}
    return create_warehouse(space=space, name=name, connector="duckdb", settings=given, created_by=None)


def make_postgresql(*, space: Space, name: str = "Server", **settings: Any) -> WarehouseSource:
    return create_warehouse(
        space=space, name=name, connector="postgresql", settings=server() | settings, created_by=None
    )


def definition_of(source: WarehouseSource, query: str = QUERY, **options: Any) -> dict[str, Any]:
    return {"version": 1, "collection": "users", "kind": "sql", "source": source.public_id, "query": query, **options}


def make_sql_trait(
    *, source: WarehouseSource, query: str = QUERY, name: str = "Warehouse facts", collection: str = "users",
    **options: Any,
) -> Trait:  # fmt: skip
    """A SQL trait; its first run is waiting."""
    definition = definition_of(source, query, collection=collection)
    return create_sql_trait(space=source.space, name=name, definition=definition, created_by=None, **options)


def run_queries() -> list[SqlRun]:
    """Carry out every run that waits."""
    done = []
    while run := claim_run():
        work(run)
        done.append(SqlRun.objects.get(pk=run.pk))
    return done
