"""Carrying a run of a SQL trait to its end: read, find, write, remove (`traits.warehouse_models.SqlRun`).

Each block commits its rows, the calls they cause and the new position together. Before that it asks whether the run is
still its own: a cancelled run, and one that another worker took over, is left at once.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from audiences.services import runs
from audiences.services.compute import compute_block
from audiences.services.locks import lock_space
from common.models import SlicedRun
from common.tasks import enqueue
from delivery.services.copying import copy_rows, escape
from engine.traits.sql import Shape, SqlTraitDefinition, shape_of
from traits.models import SqlRun, Trait, WarehouseSource
from traits.services.definitions import parsed
from traits.services.sql_columns import columns_of
from traits.services.sql_finding import create_profiles, find_profiles
from traits.services.sql_rows import RowReader, StagedRow, repeated_error
from traits.services.sql_runs import forget_rows, lease_until
from traits.services.values import finish, write_given
from traits.services.warehouses import note_connection
from traits.tasks import first_syncs
from traits.warehouses.catalog import connector_of, opened_settings
from traits.warehouses.interface import Limits, WarehouseError

logger = logging.getLogger(__name__)

READ_ROWS = 5_000
FIND_ROWS = 10_000
WRITE_PROFILES = 5_000
CATCH_UP_BLOCKS = 10
RETRY_SECONDS = 5
FAILED = "The last run failed, and values are those of the run before. Open Runs to see why."
NULL = "\\N"


class NotOursError(Exception):
    """The run was cancelled, or another worker has taken it over."""


def work(run: SqlRun) -> None:
    """Carry a claimed run on. What may pass (an unreachable warehouse, a database error) is tried up to five times."""
    trait = Trait.objects.select_related("space").get(pk=run.trait_id)
    definition: SqlTraitDefinition = parsed(trait)
    try:
        if run.stage == SqlRun.Stage.READING:
            _read(run, trait, definition)
        while run.stage == SqlRun.Stage.FINDING:
            _find(run, trait, definition)
        while run.stage == SqlRun.Stage.WRITING:
            _catch_up(trait)
            _write(run, trait, definition)
        while run.state == SlicedRun.State.RUNNING:
            _catch_up(trait)
            _remove(run, trait, definition)
    except NotOursError:
        logger.info("run %s of a SQL trait is no longer ours", run.pk)
    except WarehouseError as error:
        logger.info("run %s of a SQL trait was refused: %s", run.pk, error.code)
        _note_failure(run, trait, error.detail, is_final=not error.is_transient)
    except DatabaseError as error:
        logger.exception("run %s of a SQL trait failed in attempt %s", run.pk, run.attempts)
        detail = f"The values could not be stored: {str(error).splitlines()[0][:300]}"
        _note_failure(run, trait, detail, is_final=False)


def _save(run: SqlRun, **fields: Any) -> None:
    """Store progress, if the run is still ours; in the transaction of the work it stands for."""
    fields["lease_until"] = lease_until(timezone.now())
    mine = SqlRun.objects.filter(pk=run.pk, state=SlicedRun.State.RUNNING, attempts=run.attempts)
    if not mine.update(**fields):
        raise NotOursError
    for name, value in fields.items():
        setattr(run, name, value)


def _catch_up(trait: Trait) -> None:
    """Let what already happened be evaluated first, so that a block does not make people wait."""
    for _ in range(CATCH_UP_BLOCKS):
        if not compute_block(space=trait.space):
            return


def _read(run: SqlRun, trait: Trait, definition: SqlTraitDefinition) -> None:
    """Copy the whole result into `sql_staged_row`; whatever an earlier attempt left is read again."""
    source = WarehouseSource.objects.get(sql_traits__trait=trait)
    limits = Limits(seconds=settings.ENGAGE_WAREHOUSE_SECONDS, block_rows=READ_ROWS)
    with transaction.atomic():
        _save(run, rows_read=0, rows_discarded=0)
        forget_rows(run.pk)
    try:
        with connector_of(source).run(opened_settings(source), definition.query, limits) as result:
            reader = RowReader(shape=_shape(result.columns, trait, definition))
            for block in result.blocks():
                _keep(run, reader, block)
    except WarehouseError as error:
        note_connection(source, error)
        raise
    note_connection(source, None)
    _refuse_repeated(run, definition)
    _save(run, stage=SqlRun.Stage.FINDING, position=0)


def _shape(columns: Sequence[Any], trait: Trait, definition: SqlTraitDefinition) -> Shape:
    shape, problems = shape_of(columns, definition.collection)
    if shape is None:
        raise WarehouseError(problems[0].detail, path="/query")
    names, saved = {column.name for column in shape.columns}, set(columns_of(trait))
    if names != saved or shape.id_column != definition.id_column:
        differing = ", ".join(sorted(names ^ saved)) or f"{definition.id_column}, {shape.id_column}"
        raise WarehouseError(
            f"The query no longer returns the columns it had when it was saved; these differ: {differing}. Open the "
            "query and save it again.",
            path="/query",
        )
    return shape


def _keep(run: SqlRun, reader: RowReader, block: Sequence[tuple[Any, ...]]) -> None:
    total = run.rows_read + len(block)
    if total > settings.ENGAGE_WAREHOUSE_ROWS:
        raise WarehouseError(
            f"The query returns more than {settings.ENGAGE_WAREHOUSE_ROWS:,} rows, the most a SQL trait takes. "
            "Select fewer people.",
            path="/query",
        )
    rows = [reader.read(row, number) for number, row in enumerate(block, start=run.rows_read + 1)]
    discarded = run.rows_discarded + sum(row.value is None for row in rows)
    first = run.rows_read + 1
    with transaction.atomic():
        _save(run, rows_read=total, rows_discarded=discarded)
        copy_rows(
            "sql_staged_row",
            "run_id, number, original, looked_up, value",
            [_line(run, number, row) for number, row in enumerate(rows, start=first)],
        )


def _line(run: SqlRun, number: int, row: StagedRow) -> str:
    value = NULL if row.value is None else escape(row.value)
    return f"{run.pk}\t{number}\t{escape(row.original)}\t{escape(row.looked_up)}\t{value}"


def _refuse_repeated(run: SqlRun, definition: SqlTraitDefinition) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(original) FROM sql_staged_row WHERE run_id = %s GROUP BY looked_up HAVING count(*) > 1 "
            "ORDER BY min(number) LIMIT 3",
            [run.pk],
        )
        examples = [row[0] for row in cursor.fetchall()]
    if examples:
        raise repeated_error(definition.id_column, examples)


def _find(run: SqlRun, trait: Trait, definition: SqlTraitDefinition) -> None:
    """Note whose the next rows are; identifiers that nobody has make profiles (audiences-and-traits.md §13)."""
    upper = min(run.position + FIND_ROWS, run.rows_read)
    with transaction.atomic():
        found = find_profiles(run=run, trait=trait, id_type=definition.id_column, after=run.position, upto=upper)
        created, unusable = create_profiles(
            run=run, trait=trait, id_type=definition.id_column, after=run.position, upto=upper, now=timezone.now()
        )
        fields: dict[str, Any] = {
            "position": upper,
            "rows_matched": run.rows_matched + found,
            "rows_created": run.rows_created + created,
            "rows_unmatched": run.rows_unmatched + unusable,
        }
        if upper >= run.rows_read:
            fields |= {"stage": SqlRun.Stage.WRITING, "position": 0, "profiles_total": _profiles(run)}
        _save(run, **fields)


def _profiles(run: SqlRun) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT profile_id) FROM sql_staged_row WHERE run_id = %s AND value IS NOT NULL", [run.pk]
        )
        return int(cursor.fetchone()[0])


# Of several rows of one profile the one counts whose identifier it got last.
_ROWS = """
SELECT DISTINCT ON (s.profile_id) s.profile_id, s.value FROM sql_staged_row s
LEFT JOIN external_id e ON e.space_id = %(space)s AND e.collection = %(collection)s AND e.id_type = %(id_type)s
    AND e.value = s.looked_up
WHERE s.run_id = %(run)s AND s.profile_id > %(after)s AND s.profile_id <= %(upto)s AND s.value IS NOT NULL
ORDER BY s.profile_id, e.created_at DESC NULLS LAST, s.looked_up
"""
# Whose identifiers are in no row any more. Asked of the profile, since it may have been merged meanwhile.
_GONE = """
SELECT v.profile_id, NULL::jsonb FROM trait_value v
WHERE v.space_id = %(space)s AND v.trait_id = %(trait)s AND v.profile_id > %(after)s AND v.profile_id <= %(upto)s
AND v.value IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM external_id e JOIN sql_staged_row s ON s.run_id = %(run)s AND s.looked_up = e.value
    WHERE e.space_id = %(space)s AND e.profile_id = v.profile_id AND e.collection = %(collection)s
    AND e.id_type = %(id_type)s
)
"""


def _write(run: SqlRun, trait: Trait, definition: SqlTraitDefinition) -> None:
    with transaction.atomic():
        lock_space(trait.space_id)
        upper, count = _next(
            "SELECT DISTINCT profile_id FROM sql_staged_row WHERE run_id = %(run)s AND profile_id > %(after)s "
            "AND value IS NOT NULL ORDER BY profile_id LIMIT %(limit)s",
            {"run": run.pk, "after": run.position},
        )
        if not count:
            _save(run, stage=SqlRun.Stage.REMOVING, position=0)
            return
        block = {"run": run.pk, "after": run.position, "upto": upper, "id_type": definition.id_column}
        _save(run, position=upper, profiles_done=run.profiles_done + count)
        changed = write_given(trait=trait, given=_ROWS, params=block, now=timezone.now())
        _save(run, values_changed=run.values_changed + len(changed))


def _remove(run: SqlRun, trait: Trait, definition: SqlTraitDefinition) -> None:
    with transaction.atomic():
        lock_space(trait.space_id)
        upper, count = _next(
            "SELECT profile_id FROM trait_value WHERE space_id = %(space)s AND trait_id = %(trait)s "
            "AND profile_id > %(after)s AND value IS NOT NULL ORDER BY profile_id LIMIT %(limit)s",
            {"space": trait.space_id, "trait": trait.pk, "after": run.position},
        )
        if not count:
            _end(run, trait)
            return
        block = {"run": run.pk, "after": run.position, "upto": upper, "id_type": definition.id_column}
        _save(run, position=upper)
        gone = write_given(trait=trait, given=_GONE, params=block, now=timezone.now())
        _save(run, values_removed=run.values_removed + len(gone))


def _next(statement: str, params: dict[str, Any]) -> tuple[int, int]:
    """The last profile of the next block, and how many it has."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT max(profile_id), count(*) FROM ({statement}) AS block",  # noqa: S608 - statements of our own
            params | {"limit": WRITE_PROFILES},
        )
        upper, count = cursor.fetchone()
    return upper or 0, count


def _end(run: SqlRun, trait: Trait) -> None:
    now = timezone.now()
    _save(run, state=SlicedRun.State.DONE, finished_at=now)
    SqlRun.objects.filter(pk=run.pk).update(lease_until=None)
    forget_rows(run.pk)
    finish(trait=trait, now=now)
    enqueue(first_syncs)


def _note_failure(run: SqlRun, trait: Trait, detail: str, *, is_final: bool) -> None:
    """End the run, or leave it to a later claim. The trait keeps its values."""
    now = timezone.now()
    mine = SqlRun.objects.filter(pk=run.pk, state=SlicedRun.State.RUNNING, attempts=run.attempts)
    if not is_final and run.attempts < runs.MAX_ATTEMPTS:
        mine.update(error=detail, lease_until=now + timedelta(seconds=RETRY_SECONDS * 2**run.attempts))
        return
    with transaction.atomic():
        if not mine.update(state=SlicedRun.State.FAILED, error=detail, finished_at=now, lease_until=None):
            return
        forget_rows(run.pk)
        finish(trait=trait, now=now, error=FAILED)
