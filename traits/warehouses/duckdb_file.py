"""DuckDB: a database file on this server, opened for reading only and shut off from everything else.

Files are opened only inside folders that the operator named (ENGAGE_WAREHOUSE_FOLDERS).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from django.conf import settings as product

from engine.traits.sql import Column
from engine.traits.statements import trimmed
from traits.warehouses.interface import Connector, Limits, Row, Setting, WarehouseError

NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
           "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "BIGNUM")  # fmt: skip
TEXTS = ("VARCHAR", "UUID", "ENUM", "DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_S", "TIMESTAMP_MS",
         "TIMESTAMP_NS")  # fmt: skip
THREADS = 2
SETTINGS = (
    Setting(
        name="path",
        label="File",
        help="The path of the database file on this server, inside a folder that its operator allowed.",
    ),
)


def _folders() -> list[Path]:
    return [Path(folder).resolve() for folder in product.ENGAGE_WAREHOUSE_FOLDERS]


def _hints() -> str:
    folders = _folders()
    if not folders:
        return "No folder is allowed yet: the operator names them in ENGAGE_WAREHOUSE_FOLDERS."
    return f"Files may lie in {', '.join(str(folder) for folder in folders)}."


def _file(text: str) -> Path:
    """The file that a path means, links followed. WarehouseError when it is outside or not there."""
    folders = _folders()
    if not folders:
        detail = "This installation opens no DuckDB files: its operator has named no folder in ENGAGE_WAREHOUSE_FOLDERS."
        raise WarehouseError(detail, path="/path")
    given = Path(text)
    tried = [given] if given.is_absolute() else [folder / given for folder in folders]
    inside = [
        path for one in tried if any((path := one.resolve()).is_relative_to(folder) for folder in folders)
    ]
    if not inside:
        raise WarehouseError(f"{text} is not inside an allowed folder. {_hints()}", path="/path")
    found = next((path for path in inside if path.is_file()), None)
    if found is None:
        raise WarehouseError(f"There is no file {text} on this server.", path="/path", is_transient=True)
    return found


def _problems(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    try:
        _file(settings["path"])
    except WarehouseError as error:
        return [(error.path, error.detail)]
    return []


@contextmanager
def _connected(settings: Mapping[str, Any], limits: Limits) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that reads this one file; after the time limit its statement is interrupted."""
    path = _file(settings["path"])
    config: dict[str, Any] = {
        "enable_external_access": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "memory_limit": f"{product.ENGAGE_WAREHOUSE_MEMORY_MB}MB",
        "threads": str(THREADS),
        "TimeZone": "UTC",
        "lock_configuration": "true",
    }
    try:
        connection = duckdb.connect(str(path), read_only=True, config=config)
    except duckdb.Error as error:
        raise _not_opened(path, str(error)) from error
    timer = threading.Timer(limits.seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield connection
    except duckdb.Error as error:
        raise _refused(error, limits) from error
    finally:
        timer.cancel()
        connection.close()


def _not_opened(path: Path, said: str) -> WarehouseError:
    if "lock" in said.lower():
        detail = f"{path} is open for writing in another program. The query runs once that has closed it."
        return WarehouseError(detail, path="/path", is_transient=True)
    if "not a valid" in said:
        return WarehouseError(f"{path} is no DuckDB database.", path="/path")
    return WarehouseError(f"{path} could not be opened: {_first_line(said)}.", path="/path")


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0].strip().rstrip(".")[:300] if text.strip() else "no reason was given"


def _refused(error: duckdb.Error, limits: Limits) -> WarehouseError:
    if isinstance(error, duckdb.InterruptException):
        detail = f"The query took longer than {limits.seconds:g} seconds and was stopped. Make it faster, or select less."
    elif isinstance(error, duckdb.PermissionException):
        detail = "The query wants to read or write outside of the database file, which is not allowed."
    elif isinstance(error, duckdb.OutOfMemoryException):
        detail = (
            f"The query needs more memory than {product.ENGAGE_WAREHOUSE_MEMORY_MB} MB. Select less, or let the "
            "operator raise ENGAGE_WAREHOUSE_MEMORY_MB."
        )
    else:
        detail = f"DuckDB says: {_first_line(str(error))}{_place(str(error))}."
    return WarehouseError(detail, path="/query")


def _place(said: str) -> str:
    """Which line of the query, as far as it says so."""
    _, found, rest = said.partition("\nLINE ")
    number = rest.partition(":")[0]
    return f" (line {number})" if found and number.isdigit() else ""


class _Result:
    def __init__(self, cursor: duckdb.DuckDBPyConnection, columns: Sequence[Column], limits: Limits) -> None:
        self._cursor = cursor
        self._limits = limits
        self.columns = columns

    def blocks(self) -> Iterator[list[Row]]:
        while rows := self._cursor.fetchmany(self._limits.block_rows):
            yield rows


@contextmanager
def _run(settings: Mapping[str, Any], query: str, limits: Limits) -> Iterator[_Result]:
    with _connected(settings, limits) as connection:
        text = trimmed(query)
        statements = connection.extract_statements(text)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise WarehouseError("Only one SELECT is run, and nothing that writes.", path="/query")
        cursor = connection.execute(statements[0])
        columns = [_column(str(one[0]), str(one[1])) for one in cursor.description or []]
        yield _Result(cursor, columns, limits)


def _column(name: str, type_name: str) -> Column:
    base = type_name.partition("(")[0]
    if type_name.endswith("]"):
        kind = ""
    elif base == "BOOLEAN":
        kind = "boolean"
    else:
        kind = "number" if base in NUMBERS else "text" if base in TEXTS else ""
    return Column(name=name, kind=kind, type_name=type_name.lower())


def _test(settings: Mapping[str, Any], limits: Limits) -> str:
    """What was opened."""
    with _connected(settings, limits) as connection:
        row = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE NOT internal").fetchone()
        count = row[0] if row else 0
        return f"DuckDB {duckdb.__version__}, {count} table{'' if count == 1 else 's'}"


CONNECTOR = Connector(
    slug="duckdb",
    name="DuckDB",
    summary="A database file on this server.",
    settings=SETTINGS,
    problems=_problems,
    test=_test,
    run=_run,
    hints=_hints,
)
