"""Trying a query: the first rows, what its columns become, whom the rows name, and everything that is wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from common.errors import FieldError
from engine.conditions.errors import Problem
from engine.traits.sql import IDENTIFIERS, Column, Shape, shape_of
from profiles.models import ACCOUNTS, USERS
from spaces.models import Space
from traits.models import WarehouseSource
from traits.services.definitions import TraitDefinitionError, checked
from traits.services.sql_rows import RowReader, StagedRow, repeated, repeated_error
from traits.services.warehouses import get_warehouse, note_connection
from traits.warehouses.catalog import connector_of, opened_settings
from traits.warehouses.interface import Limits, WarehouseError

PREVIEW_SECONDS = 15
PREVIEW_ROWS = 1_000
SHOWN_ROWS = 20
COLLECTIONS = {"users": USERS, "accounts": ACCOUNTS}


@dataclass(frozen=True, kw_only=True)
class SampleRow:
    """`segment_id` is the profile that has the identifier, "" when none has (a question mark in the pages)."""

    identifier: str
    values: list[Any]
    segment_id: str
    is_too_large: bool


@dataclass(frozen=True, kw_only=True)
class SqlPreview:
    """`checked_rows` are those looked at, at most PREVIEW_ROWS; `has_more` says that the query returns more.

    `all_columns` are as the database named them. With `problems` nothing can be created; `shape` is None then.
    """

    all_columns: list[Column]
    shape: Shape | None
    rows: list[SampleRow]
    checked_rows: int
    has_more: bool
    matched: int
    problems: list[Problem]

    @property
    def unmatched(self) -> int:
        return self.checked_rows - self.matched

    def problem_of(self, name: str) -> str:
        return next((one.detail for one in self.problems if one.path == f"/columns/{name}"), "")


def preview_query(*, space: Space, definition: Any) -> SqlPreview:
    """Run the query for a moment. Nothing is saved.

    Raises TraitDefinitionError when the definition itself is wrong, and for what the warehouse refuses.
    """
    parsed = checked(space=space, definition=definition)
    source = get_warehouse(space, parsed.source)
    if source is None:
        detail = "This space has no such warehouse. Choose one of its warehouse sources."
        raise TraitDefinitionError(detail, [FieldError(path="/source", code="not_found", detail=detail)])
    try:
        return _previewed(space, source, parsed.query, parsed.collection)
    except WarehouseError as error:
        note_connection(source, error)
        path = error.path if error.path == "/query" else "/source"
        raise TraitDefinitionError(
            error.detail, [FieldError(path=path, code=error.code, detail=error.detail)]
        ) from error


def _previewed(space: Space, source: WarehouseSource, query: str, collection: str) -> SqlPreview:
    limits = Limits(seconds=PREVIEW_SECONDS, block_rows=PREVIEW_ROWS + 1)
    with connector_of(source).run(opened_settings(source), query, limits) as result:
        columns = list(result.columns)
        rows = next(iter(result.blocks()), [])
    note_connection(source, None)
    shape, problems = shape_of(columns, collection)
    has_more = len(rows) > PREVIEW_ROWS
    if shape is None:
        return SqlPreview(
            all_columns=columns, shape=None, rows=[], checked_rows=0, has_more=has_more, matched=0, problems=problems
        )
    staged, problems = _read(shape, rows[:PREVIEW_ROWS])
    known = _known(space, collection, shape.id_column, staged)
    return SqlPreview(
        all_columns=columns,
        shape=shape if not problems else None,
        rows=[
            SampleRow(
                identifier=row.original,
                values=[] if row.value is None else list(json.loads(row.value).values()),
                segment_id=known.get(row.looked_up, ""),
                is_too_large=row.value is None,
            )
            for row in staged[:SHOWN_ROWS]
        ],
        checked_rows=len(staged),
        has_more=has_more,
        matched=sum(row.looked_up in known for row in staged),
        problems=problems,
    )


def _read(shape: Shape, rows: Sequence[tuple[Any, ...]]) -> tuple[list[StagedRow], list[Problem]]:
    reader, staged, problems = RowReader(shape=shape), [], []
    for number, row in enumerate(rows, start=1):
        try:
            staged.append(reader.read(row, number))
        except WarehouseError as error:
            problems.append(_problem(shape, "identifier_missing", error))
            break
    if examples := repeated(staged):
        problems.append(_problem(shape, "identifier_twice", repeated_error(shape.id_column, examples)))
    return staged, problems


def _problem(shape: Shape, code: str, error: WarehouseError) -> Problem:
    return Problem(path=f"/columns/{shape.id_column}", code=code, detail=error.detail)


def _known(space: Space, collection: str, id_type: str, rows: Sequence[StagedRow]) -> dict[str, str]:
    """The Segment IDs of the profiles that have the identifiers."""
    assert id_type in IDENTIFIERS[collection]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.value, p.segment_id FROM external_id e JOIN profile p ON p.space_id = e.space_id "
            "AND p.id = e.profile_id WHERE e.space_id = %s AND e.collection = %s AND e.id_type = %s "
            "AND e.value = ANY(%s)",
            [space.pk, COLLECTIONS[collection], id_type, [row.looked_up for row in rows]],
        )
        return dict(cursor.fetchall())
