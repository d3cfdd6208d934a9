"""What a connector to a kind of warehouse offers: its settings, results that are read in blocks, and writing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from common.errors import ProductError
from engine.traits.sql import Column
from engine.warehouse.kinds import Kind
from engine.warehouse.planning import TablePlan

Row = tuple[Any, ...]


class WarehouseError(ProductError):
    """The warehouse could not be reached, or refused; the sentence says why and what to do.

    `is_transient`: the same may work a little later. `path` is the field at fault ("/password", "/query"), if one is.
    """

    code: ClassVar[str] = "warehouse"

    def __init__(self, detail: str, *, path: str = "", is_transient: bool = False) -> None:
        super().__init__(detail)
        self.path = path
        self.is_transient = is_transient


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A field of the settings form. `kind` is text, number, password or choice; passwords are stored encrypted."""

    name: str
    label: str
    kind: str = "text"
    help: str = ""
    default: str = ""
    is_required: bool = True
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Limits:
    """`seconds` is how long a query may take until its first rows, and until each further block of them."""

    seconds: float
    block_rows: int = 5_000


class Result(Protocol):
    """A query that runs. Values are Python's: str, int, Decimal, float, bool, date, datetime, UUID, None."""

    @property
    def columns(self) -> Sequence[Column]: ...

    def blocks(self) -> Iterator[list[Row]]: ...


@dataclass(frozen=True, kw_only=True)
class Match:
    """Rows with one of `values` in a column. `any_case`: the values are lower case, and so is compared."""

    column: str
    values: tuple[str, ...]
    any_case: bool = False


@dataclass(frozen=True, kw_only=True)
class Forgotten:
    """Which rows of a table are deleted: those that any of the matches finds."""

    schema: str
    table: str
    matches: tuple[Match, ...]


class Writer(Protocol):
    """A connection that writes. Every method is one transaction, and raises WarehouseError when nothing was done."""

    def tables(self, schemas: Sequence[str]) -> dict[str, dict[str, dict[str, Kind]]]:
        """{schema: {table: {column: type}}} of those that are there."""

    def write(self, schemas: Mapping[str, Sequence[TablePlan]]) -> dict[str, int]:
        """Carry plans out, by schema; how many rows each table got, {"schema.table": rows}."""

    def forget(self, wanted: Sequence[Forgotten]) -> dict[str, int]:
        """Delete rows; how many of each table."""


@dataclass(frozen=True, kw_only=True)
class Connector:
    """`problems` checks settings without connecting: (path, sentence) pairs. `test` connects and reads nothing.

    `run` opens a result of one SELECT for reading only, `write` connects to write Engage's calls. All raise
    WarehouseError, also while blocks are read.
    """

    slug: str
    name: str
    summary: str
    settings: tuple[Setting, ...]
    problems: Callable[[Mapping[str, Any]], list[tuple[str, str]]]
    test: Callable[[Mapping[str, Any], Limits], str]
    run: Callable[[Mapping[str, Any], str, Limits], AbstractContextManager[Result]]
    write: Callable[[Mapping[str, Any], Limits], AbstractContextManager[Writer]]
    hints: Callable[[], str] = field(default=lambda: "")

    @property
    def secret_names(self) -> frozenset[str]:
        return frozenset(one.name for one in self.settings if one.kind == "password")
