"""Rows of a warehouse as what is stored: an identifier as it is looked up, and the columns as JSON text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from engine.traits.json_values import json_text
from engine.traits.sql import Shape
from traits.warehouses.interface import Row, WarehouseError

# audiences-and-traits.md §13: a larger record is discarded.
LARGEST_RECORD = 16 * 1024


class StagedRow(NamedTuple):
    """`looked_up` is in lower case; `value` is a JSON object, None of a record that is too large."""

    original: str
    looked_up: str
    value: str | None


@dataclass(frozen=True, kw_only=True)
class RowReader:
    """Reads the rows of one result. Raises WarehouseError for what makes the whole result unusable."""

    shape: Shape

    def read(self, row: Row, number: int) -> StagedRow:
        """`number` counts rows from 1, for the sentence."""
        original = self.identifier(row[self.shape.id_place])
        if not original:
            what = "NULL" if row[self.shape.id_place] is None else "empty"
            detail = (
                f"Row {number:,} has no {self.shape.id_column}: it is {what}. Leave such rows out with "
                f"WHERE {self.shape.id_column} IS NOT NULL."
            )
            raise WarehouseError(detail, path="/query")
        text = self.value(row)
        is_large = len(text.encode()) + len(original) >= LARGEST_RECORD
        return StagedRow(original, original.lower(), None if is_large else text)

    def identifier(self, value: Any) -> str:
        """An identifier as text; "" when there is none."""
        if value is None:
            return ""
        if isinstance(value, Decimal | float) and math.isfinite(value) and value == int(value):
            value = int(value)
        return str(value).replace("\x00", "").strip()

    def value(self, row: Row) -> str:
        """The columns as a JSON object. NULL, and a number that JSON cannot hold, is null."""
        members = [
            f"{json_text(column.name)}:{json_text(row[place])}"
            for column, place in zip(self.shape.columns, self.shape.places, strict=True)
        ]
        return "{" + ",".join(members) + "}"


def repeated(rows: Sequence[StagedRow]) -> list[str]:
    """Identifiers that occur more than once, each as it came first."""
    seen: dict[str, int] = {}
    for row in rows:
        seen[row.looked_up] = seen.get(row.looked_up, 0) + 1
    return [row.original for row in rows if seen.pop(row.looked_up, 1) > 1]


def repeated_error(id_column: str, examples: Sequence[str], *, shows_values: bool = True) -> WarehouseError:
    """The refusal of duplicate identifiers (W056)."""
    named = f", such as {', '.join(examples[:3])}" if examples and shows_values else ""
    detail = (
        f"Several rows have the same {id_column}{named}. Return one row each, for example with GROUP BY {id_column}; "
        "upper and lower case count as the same."
    )
    return WarehouseError(detail, path="/query")
