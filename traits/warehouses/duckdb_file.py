"""DuckDB: a database file on this server, opened in a process of its own, shut off from everything else.

Files are opened only inside folders that the operator named (ENGAGE_WAREHOUSE_FOLDERS).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from django.conf import settings as product

from engine.traits.sql import Column
from engine.traits.statements import trimmed
from traits.warehouses.duckdb_child import NOT_SELECT
from traits.warehouses.duckdb_process import Child, first_line
from traits.warehouses.duckdb_writing import DuckdbWriter, writing
from traits.warehouses.interface import Connector, Limits, Row, Setting, WarehouseError

NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
           "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "BIGNUM")  # fmt: skip
TEXTS = ("VARCHAR", "UUID", "ENUM", "DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_S", "TIMESTAMP_MS",
         "TIMESTAMP_NS", '"NULL"', "NULL")  # fmt: skip
MAKE = "make"
SETTINGS = (
    Setting(
        name="path",
        label="File",
        help="The path of the database file on this server, inside a folder that its operator allowed.",
    ),
    Setting(
        name="if_missing",
        label="If there is no such file",
        kind="choice",
        default="tell",
        is_required=False,
        choices=(("tell", "Tell me"), (MAKE, "Make an empty database")),
    ),
)


def _folders() -> list[Path]:
    return [Path(folder).resolve() for folder in product.ENGAGE_WAREHOUSE_FOLDERS]


def _hints() -> str:
    folders = _folders()
    if not folders:
        return "No folder is allowed yet: the operator names them in ENGAGE_WAREHOUSE_FOLDERS."
    return f"Files may lie in {', '.join(str(folder) for folder in folders)}."


def _file(settings: Mapping[str, Any]) -> Path:
    """The file that the path means, links followed. WarehouseError when it is outside or cannot be there."""
    text, folders = settings["path"], _folders()
    if not folders:
        detail = (
            "This installation opens no DuckDB files: its operator has named no folder in ENGAGE_WAREHOUSE_FOLDERS."
        )
        raise WarehouseError(detail, path="/path")
    given = Path(text)
    tried = [given] if given.is_absolute() else [folder / given for folder in folders]
    inside = [path for one in tried if any((path := one.resolve()).is_relative_to(folder) for folder in folders)]
    if not inside:
        raise WarehouseError(f"{text} is not inside an allowed folder. {_hints()}", path="/path")
    found = next((path for path in inside if path.is_file()), None)
    if found is None and settings.get("if_missing") == MAKE:
        found = next((path for path in inside if _has_room(path, folders)), None)
    if found is None:
        raise WarehouseError(f"There is no file {text} on this server.", path="/path", is_transient=True)
    return found


def _has_room(path: Path, folders: Sequence[Path]) -> bool:
    """Whether a file can be made there."""
    return (path.parent.is_dir() or path.parent in folders) and not path.exists()


def _problems(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    try:
        _file(settings)
    except WarehouseError as error:
        return [(error.path, error.detail)]
    return []


class _Reading(Child):
    """A process that runs one query (`duckdb_child`)."""

    def refused(self, kind: str, said: str) -> WarehouseError:
        if kind == NOT_SELECT:
            return WarehouseError("Only one SELECT is run, and nothing that writes.", path="/query")
        if kind == duckdb.PermissionException.__name__:
            detail = "The query wants to read or write outside of the database file, which is not allowed."
            return WarehouseError(detail, path="/query")
        if kind in {duckdb.ConnectionException.__name__, duckdb.OutOfMemoryException.__name__}:
            return super().refused(kind, said)
        return WarehouseError(f"DuckDB says: {first_line(said)}{_place(said)}.", path="/query")


@contextmanager
def _child(settings: Mapping[str, Any], query: str | None, limits: Limits) -> Iterator[_Reading]:
    path = _file(settings)
    if not path.exists():
        with writing(path, limits):
            pass  # opening it makes it
    child = _Reading(path, {"query": query, "block_rows": limits.block_rows}, limits)
    try:
        yield child
    finally:
        child.close()


def _place(said: str) -> str:
    """Which line of the query, as far as it says so."""
    _, found, rest = said.partition("\nLINE ")
    number = rest.partition(":")[0]
    return f" (line {number})" if found and number.isdigit() else ""


class _Result:
    def __init__(self, child: _Reading, columns: Sequence[Column]) -> None:
        self._child = child
        self.columns = columns

    def blocks(self) -> Iterator[list[Row]]:
        while "rows" in (message := self._child.read()):
            yield [tuple(row) for row in message["rows"]]


@contextmanager
def _run(settings: Mapping[str, Any], query: str, limits: Limits) -> Iterator[_Result]:
    with _child(settings, trimmed(query), limits) as child:
        yield _Result(child, [_column(name, type_name) for name, type_name in child.read()["columns"]])


def _column(name: str, type_name: str) -> Column:
    base = type_name.partition("(")[0]
    if type_name.endswith("]"):
        kind = ""
    elif base == "BOOLEAN":
        kind = "boolean"
    else:
        kind = "number" if base in NUMBERS else "text" if base in TEXTS else ""
    return Column(name=name, kind=kind, type_name=type_name.lower())


@contextmanager
def _write(settings: Mapping[str, Any], limits: Limits) -> Iterator[DuckdbWriter]:
    with writing(_file(settings), limits) as writer:
        yield writer


def _test(settings: Mapping[str, Any], limits: Limits) -> str:
    """What was opened."""
    with _child(settings, None, limits) as child:
        count = child.read()["tables"]
        return f"DuckDB {duckdb.__version__}, {count} table{'' if count == 1 else 's'}"


CONNECTOR = Connector(
    slug="duckdb",
    name="DuckDB",
    summary="A database file on this server.",
    settings=SETTINGS,
    problems=_problems,
    test=_test,
    run=_run,
    write=_write,
    hints=_hints,
)
