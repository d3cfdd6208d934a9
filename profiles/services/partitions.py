"""Partitions by time: made ahead, dropped past retention. The default partition takes what none covers."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal

from django.db import connection, transaction
from psycopg import sql

logger = logging.getLogger(__name__)

Span = Literal["month", "day"]
MONTHS_AHEAD = 3
DAYS_AHEAD = 7
_NAMES: dict[Span, str] = {"month": "%Y_%m", "day": "%Y_%m_%d"}


def start_of(moment: datetime, span: Span) -> datetime:
    """The UTC start of the month or day of an instant."""
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day.replace(day=1) if span == "month" else day


def shift(start: datetime, span: Span, count: int) -> datetime:
    """`count` months or days after the start of one."""
    if span == "day":
        return start + timedelta(days=count)
    months = start.year * 12 + start.month - 1 + count
    return start.replace(year=months // 12, month=months % 12 + 1)


def make_partitions(*, table: str, span: Span, now: datetime, ahead: int) -> list[str]:
    """Make the partitions of this month or day and `ahead` more; the names of the new ones.

    Rows that already lie in the default partition for such a span move along.
    """
    column = _partition_column(table)
    made: list[str] = []
    for count in range(ahead + 1):
        begin = shift(start_of(now, span), span, count)
        name = f"{table}_{begin.strftime(_NAMES[span])}"
        if name not in _partitions(table):
            _make(table, column, name, begin, shift(begin, span, 1))
            made.append(name)
    return made


@transaction.atomic
def _make(table: str, column: str, name: str, begin: datetime, end: datetime) -> None:
    names = {
        "part": sql.Identifier(name),
        "parent": sql.Identifier(table),
        "rest": sql.Identifier(f"{table}_default"),
        "column": sql.Identifier(column),
        "begin": sql.Literal(begin.isoformat()),
        "end": sql.Literal(end.isoformat()),
    }
    with connection.cursor() as cursor:
        # Also keeps two housekeepers apart.
        cursor.execute(_text("LOCK TABLE {parent} IN SHARE UPDATE EXCLUSIVE MODE", names))
        if name in _partitions(table):
            return
        cursor.execute(
            _text("SELECT EXISTS (SELECT 1 FROM {rest} WHERE {column} >= {begin} AND {column} < {end})", names)
        )
        if not cursor.fetchone()[0]:
            cursor.execute(
                _text("CREATE TABLE {part} PARTITION OF {parent} FOR VALUES FROM ({begin}) TO ({end})", names)
            )
            return
        cursor.execute(_text("CREATE TABLE {part} (LIKE {parent} INCLUDING DEFAULTS)", names))
        cursor.execute(
            _text(
                "WITH moved AS (DELETE FROM {rest} WHERE {column} >= {begin} AND {column} < {end} RETURNING *) "
                "INSERT INTO {part} SELECT * FROM moved",
                names,
            )
        )
        cursor.execute(
            _text("ALTER TABLE {parent} ATTACH PARTITION {part} FOR VALUES FROM ({begin}) TO ({end})", names)
        )


def drop_partitions(*, table: str, span: Span, before: datetime) -> list[str]:
    """Drop the partitions that end at or before an instant, and the rows as old in the default one."""
    column = _partition_column(table)
    dropped: list[str] = []
    for name in sorted(_partitions(table)):
        text = name.removeprefix(f"{table}_")
        if text == "default":
            continue
        begin = datetime.strptime(text, _NAMES[span]).replace(tzinfo=UTC)
        if shift(begin, span, 1) <= before:
            with connection.cursor() as cursor:
                cursor.execute(_text("DROP TABLE {part}", {"part": sql.Identifier(name)}))
            logger.info("dropped %s", name)
            dropped.append(name)
    names = {"rest": sql.Identifier(f"{table}_default"), "column": sql.Identifier(column)}
    with connection.cursor() as cursor:
        cursor.execute(_text("DELETE FROM {rest} WHERE {column} < %s", names), [start_of(before, span)])
    return dropped


def _text(template: str, names: Mapping[str, sql.Composable]) -> str:
    return sql.SQL(template).format(**names).as_string(connection.connection)


def _partition_column(table: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.attname FROM pg_partitioned_table p JOIN pg_attribute a "
            "ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0] WHERE p.partrelid = %s::regclass",
            [table],
        )
        return str(cursor.fetchone()[0])


def _partitions(table: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = %s::regclass",
            [table],
        )
        return {row[0] for row in cursor.fetchall()}


def summarize(*, index: str) -> int:
    """Bring the parts of a BRIN index on a partitioned table up to date; returns how many ranges were new."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(brin_summarize_new_values(inhrelid::regclass)), 0) FROM pg_inherits "
            "WHERE inhparent = %s::regclass",
            [index],
        )
        return int(cursor.fetchone()[0])
