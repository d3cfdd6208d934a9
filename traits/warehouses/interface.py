"""What a connector to a kind of warehouse offers: its settings, and results that are read in blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from common.errors import ProductError
from engine.traits.sql import Column

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
class Connector:
    """`problems` checks settings without connecting: (path, sentence) pairs. `test` connects and reads nothing.

    `run` opens a result of one SELECT for reading only. Both raise WarehouseError, also while blocks are read.
    """

    slug: str
    name: str
    summary: str
    settings: tuple[Setting, ...]
    problems: Callable[[Mapping[str, Any]], list[tuple[str, str]]]
    test: Callable[[Mapping[str, Any], Limits], str]
    run: Callable[[Mapping[str, Any], str, Limits], AbstractContextManager[Result]]
    hints: Callable[[], str] = field(default=lambda: "")

    @property
    def secret_names(self) -> frozenset[str]:
        return frozenset(one.name for one in self.settings if one.kind == "password")
