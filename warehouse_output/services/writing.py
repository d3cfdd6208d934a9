"""Carrying a run to its end: block after block is read, turned into rows and written.

The warehouse commits first, then the position moves, in the transaction that read the block and holds the output's
lock. A worker that dies in between leaves rows that are there already when the block comes again: they are passed over
by their message ids.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from common.locks import LockClass
from delivery.services.tallies import last_id
from engine.payloads import wire_time
from engine.warehouse.names import numbered
from engine.warehouse.planning import Names, TablePlan, grown, plan_rows
from engine.warehouse.rows import TableRow, rows_of
from traits.models import WarehouseSource
from traits.services.warehouses import note_connection
from traits.warehouses.catalog import connector_of, opened_settings
from traits.warehouses.interface import Limits, WarehouseError, Writer
from warehouse_output.models import OutputRun, WarehouseOutput
from warehouse_output.services import reading
from warehouse_output.services.runs import lease_until

logger = logging.getLogger(__name__)

State = OutputRun.State
MOST_FAILURES = 6
RETRY_SECONDS = 10
# How long a run waits for transactions that write calls before it lets others work, and comes back.
PATIENCE_SECONDS = 5.0
LOOK_SECONDS = 0.1
COME_BACK_SECONDS = 2

Tables = dict[str, dict[str, dict[str, Any]]]


class NotOursError(Exception):
    """The run was cancelled, or another worker has taken it over."""


def work(run: OutputRun, *, deadline: float | None = None) -> None:
    """Carry a claimed run on until it is done or the time is over. What may pass is tried again for some minutes."""
    source = WarehouseSource.objects.select_related("space").filter(output__runs=run).first()
    if source is None:
        return  # deleted meanwhile, and the run with it
    try:
        if not _settled(run):
            _give_back(run, seconds=COME_BACK_SECONDS)
            return
        limits = Limits(seconds=settings.ENGAGE_WAREHOUSE_SECONDS)
        with connector_of(source).write(opened_settings(source), limits) as writer:
            tables: Tables = writer.tables(_schemas(run))
            while _write_block(run, writer, tables):
                if deadline is not None and time.monotonic() >= deadline:
                    _give_back(run)
                    break
        note_connection(source, None)
    except NotOursError:
        logger.info("run %s of warehouse output is no longer ours", run.pk)
    except WarehouseError as error:
        logger.info("run %s of warehouse output was refused: %s", run.pk, error.code)
        if error.path:
            note_connection(source, error)
        _note_failure(run, error.detail, is_final=not error.is_transient)
    except DatabaseError as error:
        logger.exception("run %s of warehouse output failed", run.pk)
        connection.close_if_unusable_or_obsolete()
        _note_failure(run, f"The calls could not be read ({type(error).__name__}).", is_final=False)


def _settled(run: OutputRun) -> bool:
    """Fix how far the run goes, and wait until no call up to there can come any more."""
    if run.upto_id is None:
        upto = last_id()
        _save(run, upto_id=upto, waits_for=reading.writers())
    until = time.monotonic() + PATIENCE_SECONDS
    while left := reading.still_writing(run.waits_for):
        if time.monotonic() >= until:
            _save(run, waits_for=left)
            return False
        time.sleep(LOOK_SECONDS)
    if run.waits_for:
        _save(run, waits_for=[])
    return True


def _schemas(run: OutputRun) -> list[str]:
    sources = reading.sources_by_connection(run.space_id)
    schema = WarehouseOutput.objects.values_list("schema", flat=True).get(pk=run.output_id)
    return [numbered(schema, number) for number in sorted({1, *sources.values()})]


def _write_block(run: OutputRun, writer: Writer, tables: Tables) -> bool:
    """Write the next calls; False at the end. `tables` are those of the warehouse, and grow with what is made."""
    assert run.upto_id is not None
    with transaction.atomic():
        lock(run.output_id)
        output = _own(run)
        sources = reading.sources_by_connection(run.space_id)
        calls = reading.calls_between(
            space_id=run.space_id, connections=sources, after=output.position, upto=run.upto_id
        )
        position = calls[-1].id if len(calls) == reading.BLOCK else max(run.upto_id, output.position)
        names = Names(tables=output.tables, columns=output.columns)
        rows: dict[str, list[TableRow]] = {}
        loaded_at = wire_time(timezone.now())
        written = 0
        for call in calls:
            found = rows_of(msgspec.json.decode(call.payload), loaded_at=loaded_at)
            written += bool(found)
            rows.setdefault(numbered(output.schema, sources[call.connection_id]), []).extend(found)
        plans = {
            schema: plan_rows(found, existing=tables.get(schema, {}), names=names, excluded=output.excluded)
            for schema, found in rows.items()
        }
        counts = _written(writer, plans)
        output.position, output.tables, output.columns = position, names.tables, names.columns
        output.save(update_fields=["position", "tables", "columns", "updated_at"])
        is_over = position >= run.upto_id
        _save(
            run,
            position=position,
            calls=run.calls + written,
            rows={name: count for name, count in sorted((Counter(run.rows) + Counter(counts)).items()) if count},
            failures=0,
            error="",
            **({"state": State.DONE, "finished_at": timezone.now()} if is_over else {}),
        )
    for schema, found_plans in plans.items():
        tables[schema] = grown(tables.get(schema, {}), found_plans)
    return not is_over


def _written(writer: Writer, plans: Mapping[str, list[TablePlan]]) -> dict[str, int]:
    wanted = {schema: found for schema, found in plans.items() if found}
    return writer.write(wanted) if wanted else {}


def lock(output_id: int) -> None:
    """Whoever writes or deletes rows of an output holds this until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LockClass.WAREHOUSE_OUTPUT, output_id])


def _own(run: OutputRun) -> WarehouseOutput:
    """The output, locked, if the run is still ours."""
    rows = WarehouseOutput.objects.select_for_update(of=("self",)).filter(
        pk=run.output_id, runs__pk=run.pk, runs__claim=run.claim, runs__state=State.RUNNING
    )
    output: WarehouseOutput | None = rows.first()
    if output is None:
        raise NotOursError
    return output


def _mine(run: OutputRun) -> Any:
    return OutputRun.objects.filter(pk=run.pk, claim=run.claim, state=State.RUNNING)


def _save(run: OutputRun, **fields: Any) -> None:
    fields["lease_until"] = None if fields.get("state") == State.DONE else lease_until(timezone.now())
    if not _mine(run).update(**fields):
        raise NotOursError
    for name, value in fields.items():
        setattr(run, name, value)


def _give_back(run: OutputRun, *, seconds: float = 0) -> None:
    """Leave an unfinished run to the next claim."""
    _mine(run).update(lease_until=timezone.now() + timedelta(seconds=seconds))


def _note_failure(run: OutputRun, detail: str, *, is_final: bool) -> None:
    """End the run, or leave it to a later claim. What was written stays, and the next run goes on from there."""
    now = timezone.now()
    failures = run.failures + 1
    if is_final or failures >= MOST_FAILURES:
        _mine(run).update(state=State.FAILED, error=detail, failures=failures, finished_at=now, lease_until=None)
        return
    pause = timedelta(seconds=RETRY_SECONDS * 2**run.failures)
    _mine(run).update(error=detail, failures=failures, lease_until=now + pause)
