"""SQL traits: columns of a query in a warehouse become traits of the profiles it names (audiences-and-traits.md §13).

A definition as people write it has `source` (the id of a warehouse) and `query`; what the warehouse answered to it,
`id_column` and `columns`, is added before it is stored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.conditions.errors import Problem
from engine.conditions.parsing import COLLECTIONS
from engine.conditions.parsing_values import ValueReader
from engine.traits.definition import VERSION
from engine.traits.kinds import Kind, register
from engine.traits.statements import statement_problem

SQL = "sql"
IDENTIFIERS = {"users": ("user_id", "email", "anonymous_id"), "accounts": ("group_id",)}
MOST_COLUMNS = 25
LONGEST_QUERY = 50_000
LONGEST_COLUMN = 255
COLUMN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What calls mean something else by.
RESERVED = frozenset({"user_id", "userid", "email", "anonymous_id", "anonymousid", "group_id", "groupid", "id"})
TYPES = ("text", "number", "boolean")
CASTS = "Cast arrays, objects and other types to text in the query, an array for example to a list with commas."


@dataclass(frozen=True, kw_only=True)
class Column:
    """`kind` is one of TYPES, "" when the values cannot be used; `type_name` is the word of the database."""

    name: str
    kind: str
    type_name: str = ""


@dataclass(frozen=True, kw_only=True)
class SqlTraitDefinition:
    """A parsed SQL trait; `columns` are those that become traits, in the order of the query."""

    version: int
    collection: str
    source: str
    query: str
    id_column: str = ""
    columns: tuple[Column, ...] = ()
    kind: str = SQL


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a result is made of: its identifier column and the columns that become traits, with their places."""

    id_column: str
    id_place: int
    columns: tuple[Column, ...]
    places: tuple[int, ...]


def shape_of(columns: Sequence[Column], collection: str) -> tuple[Shape | None, list[Problem]]:
    """How a result is read, or everything that is wrong with its columns (W056). Paths name the column."""
    problems: list[Problem] = []
    names = [column.name for column in columns]
    allowed = IDENTIFIERS[collection]
    found = [name for name in names if name in allowed]
    wanted = allowed[0] if len(allowed) == 1 else f"{', '.join(allowed[:-1])} or {allowed[-1]}"
    if not found:
        detail = f"The result has no column {wanted}. Name the column of identifiers so, with AS."
        problems.append(Problem(path="/columns", code="no_identifier", detail=detail))
    elif len(found) > 1:
        detail = f"The result has {' and '.join(found)}. Keep one column of identifiers, and rename others with AS."
        problems.append(Problem(path="/columns", code="several_identifiers", detail=detail))
    if len(columns) > MOST_COLUMNS:
        detail = f"The result has {len(columns)} columns; a SQL trait has at most {MOST_COLUMNS}."
        problems.append(Problem(path="/columns", code="too_many_columns", detail=detail))
    if found and len(columns) == len(found):
        detail = "The result has nothing but identifiers. Select at least one column that becomes a trait."
        problems.append(Problem(path="/columns", code="no_trait", detail=detail))
    problems += [problem for column in columns if (problem := _column_problem(column, names, allowed))]
    if problems:
        return None, problems
    traits = [(place, column) for place, column in enumerate(columns) if column.name != found[0]]
    return Shape(
        id_column=found[0],
        id_place=names.index(found[0]),
        columns=tuple(column for _, column in traits),
        places=tuple(place for place, _ in traits),
    ), []


def _column_problem(  # noqa: PLR0911 - one a mistake
    column: Column, names: Sequence[str], identifiers: Sequence[str]
) -> Problem | None:
    path = f"/columns/{column.name}"
    if names.count(column.name) > 1:
        return Problem(
            path=path, code="column_twice", detail=f"Two columns are called {column.name}. Rename one with AS."
        )
    if not COLUMN_NAME.fullmatch(column.name) or len(column.name) > LONGEST_COLUMN:
        detail = (
            f"“{column.name}” is no key of a trait. Use letters, digits and _ only, and begin with a letter: AS ltv."
        )
        return Problem(path=path, code="column_name", detail=detail)
    if not column.kind:
        detail = f"{column.name} is of the type {column.type_name}, which no trait can hold. {CASTS}"
        return Problem(path=path, code="column_type", detail=detail)
    if column.name in identifiers:
        if column.kind == "boolean":
            detail = f"{column.name} is a boolean; identifiers are texts or whole numbers."
            return Problem(path=path, code="column_type", detail=detail)
        return None
    if column.name.lower() in RESERVED:
        detail = f"{column.name} is the name of an identifier and cannot be a trait. Rename the column with AS."
        return Problem(path=path, code="column_reserved", detail=detail)
    return None


class _Reader(ValueReader):
    def read(self, raw: Mapping[str, Any]) -> SqlTraitDefinition | None:
        self.known_keys(raw, "", ("version", "collection", "kind", "source", "query", "id_column", "columns"))
        collection = raw.get("collection")
        source = self.text(raw, "", "source", "the id of a warehouse source")
        query = self._query(raw)
        columns = tuple(column for one in self._listed(raw) if (column := self._column(one)) is not None)
        if self.problems or source is None or query is None or collection not in COLLECTIONS:
            return None
        return SqlTraitDefinition(
            version=VERSION,
            collection=collection,
            source=source,
            query=query,
            id_column=str(raw.get("id_column") or ""),
            columns=columns,
        )

    def _query(self, raw: Mapping[str, Any]) -> str | None:
        query = raw.get("query")
        if not isinstance(query, str) or not query.strip():
            self.problem("/query", "required", "Write the query, such as SELECT user_id, plan FROM customers.")
            return None
        if len(query) > LONGEST_QUERY:
            self.problem("/query", "too_long", f"Use at most {LONGEST_QUERY:,} characters; this has {len(query):,}.")
            return None
        if detail := statement_problem(query):
            self.problem("/query", "not_one_select", detail)
            return None
        return query

    def _listed(self, raw: Mapping[str, Any]) -> list[Any]:
        columns = raw.get("columns", [])
        if isinstance(columns, list):
            return columns
        self.problem("/columns", "wrong_type", "Leave the columns out: the warehouse says what they are.")
        return []

    def _column(self, raw: Any) -> Column | None:
        if isinstance(raw, Mapping) and isinstance(raw.get("name"), str) and raw.get("type") in TYPES:
            return Column(name=raw["name"], kind=raw["type"])
        self.problem("/columns", "wrong_type", "Leave the columns out: the warehouse says what they are.")
        return None


def _read(raw: Mapping[str, Any], problems: list[Problem]) -> SqlTraitDefinition | None:
    return _Reader(problems).read(raw)


def _describe(definition: SqlTraitDefinition) -> str:
    names = ", ".join(f"“{column.name}”" for column in definition.columns)
    who = "account" if definition.collection == "accounts" else "user"
    several = "s" if len(definition.columns) != 1 else ""
    return f"The column{several} {names} of a query in a warehouse, by the {definition.id_column} of the {who}."


_TEXT = {"type": "string", "minLength": 1}
KIND = register(
    Kind(
        name=SQL,
        label="SQL trait",
        summary="Columns of a query in your warehouse.",
        value_type="object",
        origin=SQL,
        keys=("source", "query"),
        reads_property=False,
        read=_read,
        describe=_describe,
        schema={
            "type": "object",
            "properties": {
                "version": {"const": VERSION},
                "collection": {"enum": list(COLLECTIONS)},
                "kind": {"const": SQL},
                "source": {**_TEXT, "description": "The id of a warehouse source."},
                "query": {**_TEXT, "maxLength": LONGEST_QUERY, "description": "One SELECT."},
                "id_column": {"type": "string", "readOnly": True},
                "columns": {
                    "type": "array",
                    "readOnly": True,
                    "items": {
                        "type": "object",
                        "properties": {"name": _TEXT, "type": {"enum": list(TYPES)}},
                        "required": ["name", "type"],
                    },
                },
            },
            "required": ["version", "collection", "kind", "source", "query"],
            "additionalProperties": False,
        },
    )
)
