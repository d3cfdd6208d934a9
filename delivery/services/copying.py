"""Rows as text for COPY, the fastest way into PostgreSQL (a value is escaped, NULL is None)."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def escape(value: str) -> str:
    # What has to be escaped is a backslash or not printable.
    return value if value.isprintable() and "\\" not in value else value.translate(ESCAPES)


def copy_rows(table: str, columns: str, rows: Iterable[str]) -> None:
    """`rows` are lines already joined by tabs, without the line end."""
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        copy.write("\n".join(rows) + "\n")


def bigint_array(ids: Iterable[int]) -> str:
    """A `bigint[]` parameter as text: psycopg is slow with long Python lists."""
    return "{" + ",".join(map(str, ids)) + "}"
