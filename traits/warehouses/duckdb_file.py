"""DuckDB: a database file on this server, read in a process of its own, shut off from everything else.

Files are opened only inside folders that the operator named (ENGAGE_WAREHOUSE_FOLDERS).
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from django.conf import settings as product

from engine.traits.sql import Column
from engine.traits.statements import trimmed
from traits.warehouses.duckdb_child import NOT_SELECT
from traits.warehouses.interface import Connector, Limits, Row, Setting, WarehouseError

NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
           "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "BIGNUM")  # fmt: skip
TEXTS = ("VARCHAR", "UUID", "ENUM", "DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_S", "TIMESTAMP_MS",
         "TIMESTAMP_NS", '"NULL"', "NULL")  # fmt: skip
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
    if found is None:
        raise WarehouseError(f"There is no file {text} on this server.", path="/path", is_transient=True)
    return found


def _problems(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    try:
        _file(settings["path"])
    except WarehouseError as error:
        return [(error.path, error.detail)]
    return []


class _Child:
    """The process that reads a file (`duckdb_child`); ended when an answer takes longer than the time limit."""

    def __init__(self, path: Path, query: str | None, limits: Limits) -> None:
        self.path = path
        self._limits = limits
        self._is_late = False
        request = {
            "path": str(path),
            "query": query,
            "memory_mb": product.ENGAGE_WAREHOUSE_MEMORY_MB,
            "block_rows": limits.block_rows,
        }
        # Nothing of our environment goes along: secrets are in it.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "traits.warehouses.duckdb_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=product.BASE_DIR,
            env={"PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC"},
            text=True,
            encoding="utf-8",
        )
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request) + "\n")
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
            raise WarehouseError(
                f"The query took longer than {self._limits.seconds:g} seconds and was stopped. Make it faster, or "
                "select less.",
                path="/query",
            )
        if not line.endswith("\n"):
            raise _too_large()
        message: dict[str, Any] = json.loads(line, parse_float=Decimal)
        if "error" in message:
            raise _refused(self.path, message["kind"], message["error"])
        return message


@contextmanager
def _child(settings: Mapping[str, Any], query: str | None, limits: Limits) -> Iterator[_Child]:
    child = _Child(_file(settings["path"]), query, limits)
    try:
        yield child
    finally:
        child.close()


def _refused(path: Path, kind: str, said: str) -> WarehouseError:
    """`kind` is the name of a class of DuckDB's errors."""
    if kind == duckdb.ConnectionException.__name__:
        return _not_opened(path, said)
    if kind == duckdb.OutOfMemoryException.__name__:
        return _too_large()
    if kind == NOT_SELECT:
        return WarehouseError("Only one SELECT is run, and nothing that writes.", path="/query")
    if kind == duckdb.PermissionException.__name__:
        detail = "The query wants to read or write outside of the database file, which is not allowed."
        return WarehouseError(detail, path="/query")
    return WarehouseError(f"DuckDB says: {_first_line(said)}{_place(said)}.", path="/query")


def _too_large() -> WarehouseError:
    return WarehouseError(
        f"The query needs more memory than {product.ENGAGE_WAREHOUSE_MEMORY_MB} MB. Select less, or let the operator "
        "raise ENGAGE_WAREHOUSE_MEMORY_MB.",
        path="/query",
    )


def _not_opened(path: Path, said: str) -> WarehouseError:
    if "lock" in said.lower():
        detail = f"{path} is open for writing in another program. The query runs once that has closed it."
        return WarehouseError(detail, path="/path", is_transient=True)
    if "not a valid" in said:
        return WarehouseError(f"{path} is no DuckDB database.", path="/path")
    return WarehouseError(f"{path} could not be opened: {_first_line(said)}.", path="/path")


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0].strip().rstrip(".")[:300] if text.strip() else "no reason was given"


def _place(said: str) -> str:
    """Which line of the query, as far as it says so."""
    _, found, rest = said.partition("\nLINE ")
    number = rest.partition(":")[0]
    return f" (line {number})" if found and number.isdigit() else ""


class _Result:
    def __init__(self, child: _Child, columns: Sequence[Column]) -> None:
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
    hints=_hints,
)
