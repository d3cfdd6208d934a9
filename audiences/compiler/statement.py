"""The growing statement: parameters, the columns that every profile needs, and the options in force.

Expressions are texts over three row aliases: `e` one event, `s` one profile of the scope, `f` one profile's facts.
All data goes through parameters; equal texts become one column, which is what deduplicates across audiences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.conditions.instants import micros_of, moment_of

NEVER = "'infinity'::timestamptz"
PASSED = "'-infinity'::timestamptz"


class CompileError(ValueError):
    """A condition that names an audience the caller did not resolve."""

    code = "unknown_audience"


@dataclass(frozen=True, kw_only=True)
class Query:
    """A statement and its named parameters, ready for `cursor.execute(query.sql, query.params)`."""

    sql: str
    params: dict[str, Any]


class Columns:
    """Expressions with a short name each, equal expressions once."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._names: dict[str, str] = {}

    def add(self, expression: str) -> str:
        return self._names.setdefault(expression, f"{self.prefix}{len(self._names)}")

    def select(self) -> list[str]:
        """`expression AS name` for each."""
        return [f"{expression} AS {name}" for expression, name in self._names.items()]

    def names(self) -> list[str]:
        return list(self._names.values())

    def items(self) -> list[tuple[str, str]]:
        """(expression, name) of each."""
        return list(self._names.items())


class Aggregates:
    """Aggregates over a profile's events, each with the kind of event it looks at: None is every kind."""

    def __init__(self) -> None:
        self.columns = Columns("a")
        self.kinds: dict[str, int | None] = {}

    def add(self, expression: str, kind: int | None) -> str:
        """The fact that holds the aggregate."""
        name = self.columns.add(expression)
        self.kinds[name] = kind
        return f"f.{name}"

    def of_kinds(self, kinds: frozenset[int] | None) -> list[str]:
        """`expression AS name` of those that look at one of the kinds; None: of those that look at all."""
        return [
            f"{expression} AS {name}"
            for expression, name in self.columns.items()
            if (self.kinds[name] is None if kinds is None else self.kinds[name] in kinds)
        ]


@dataclass(kw_only=True)
class EventNames:
    """The event kinds that the conditions name. `wildcards` are types of which any name counts."""

    named: dict[tuple[int, str], int] = field(default_factory=dict)
    wildcards: set[int] = field(default_factory=set)

    def number(self, kind: int, name: str) -> int:
        return self.named.setdefault((kind, name), len(self.named) + 1)


class Statement:
    """Collects what the conditions of one statement need. `is_timed` false leaves out everything about rechecks."""

    def __init__(self, *, space_id: int, now: datetime, is_timed: bool, outer: Statement | None = None) -> None:
        """With `outer`, the part of its text that is about other profiles: only the parameters are shared."""
        self.now = micros_of(now)
        self.is_timed = is_timed
        self.params: dict[str, Any] = {} if outer is None else outer.params
        self._known: dict[tuple[str, type, Any], str] = {} if outer is None else outer._known
        self.names = EventNames()
        self.followers = Columns("w")
        self.aggregates = Aggregates()
        # Facts made of aggregates, which are null for profiles without events.
        self.derived = Columns("d")
        self.facts = Columns("t")
        # Columns of the facts by row id: audiences, audiences of the profile's accounts, steps of journeys.
        self.memberships: dict[int, str] = {}
        self.account_memberships: dict[int, str] = {}
        self.steps: dict[int, str] = {}
        self.needed: set[str] = set()
        self.lowest: int | None = None
        self.is_unbounded = False
        self.space = self.param(space_id, "integer")
        self.moment = self.instant(self.now)

    def param(self, value: Any, cast: str) -> str:
        """A placeholder with its cast; equal values share one."""
        # `repr` takes long for an instant; of a list there is nothing else to tell it by.
        key = (cast, type(value), repr(value) if isinstance(value, list) else value)
        name = self._known.get(key)
        if name is None:
            name = self._known[key] = f"p{len(self.params)}"
            self.params[name] = value
        return f"%({name})s::{cast}"

    def texts(self, values: Sequence[str]) -> str:
        return self.param(list(values), "text[]")

    def instant(self, micros: int) -> str:
        """An instant as timestamptz; those outside datetime's years become infinities, which compare alike."""
        try:
            return self.param(moment_of(micros), "timestamptz")
        except OverflowError:
            return NEVER if micros > 0 else PASSED

    def span(self, micros: int) -> str:
        # In microseconds, since days would follow the session's daylight saving.
        return self.param(f"{micros} microseconds", "interval")

    def count(self, condition: str, kind: int | None) -> str:
        """The fact of how many of a profile's events satisfy a condition over `e`."""
        return self._present(self.aggregates.add(f"count(*) FILTER (WHERE {condition})", kind), "0")

    def earliest(self, instant: str, condition: str, kind: int | None) -> str:
        """The fact of the first instant of a profile's events that satisfy a condition; NEVER if none does."""
        return self._present(self.aggregates.add(f"min({instant}) FILTER (WHERE {condition})", kind), NEVER)

    def _present(self, fact: str, otherwise: str) -> str:
        name = fact.removeprefix("f.")
        return f"f.{self.derived.add(f'coalesce({name}, {otherwise})')}"

    def need(self, *columns: str) -> None:
        """Columns of the event row that the expressions read beside profile_id, ts and k."""
        self.needed.update(columns)

    def bound_below(self, micros: int | None) -> None:
        """Events at or before this instant do not matter to the caller; None: all do."""
        if micros is None:
            self.is_unbounded = True
        else:
            self.lowest = micros if self.lowest is None else min(self.lowest, micros)
