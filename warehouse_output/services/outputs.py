"""Switching the output of calls into a warehouse on and off, and what people ask of it. Each leaves an audit entry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from common.errors import ConflictError, FieldError, InvalidError
from delivery.models import Connection
from engine.traits.schedules import Schedule, read_schedule
from engine.warehouse.names import LONGEST, clashes, safe_name, schema_name
from engine.warehouse.rows import OWN_TABLES
from spaces import audit
from spaces.models import Space, User
from traits.models import WarehouseSource
from warehouse_output.models import OutputRun, WarehouseOutput
from warehouse_output.services.runs import cancel_runs, open_run, start_run

DEFAULT: dict[str, Any] = {"every": "hours", "hours": 1}
MOST_EXCLUDED = 500


def output_of(source: WarehouseSource) -> WarehouseOutput | None:
    rows = WarehouseOutput.objects.select_related("source", "space")
    found: WarehouseOutput | None = rows.filter(source=source).first()
    return found


@transaction.atomic
def save_output(
    *,
    source: WarehouseSource,
    changed_by: User | None,
    is_enabled: bool | None = None,
    schedule: Any = None,
    excluded: Sequence[Any] | None = None,
) -> WarehouseOutput:
    """Change what is given. Switching on starts a run: the first time from the oldest call that is stored, later from
    where it was switched off. InvalidError with every field that is wrong.
    """
    # One after the other, so that schemas of two spaces do not clash.
    Space.objects.select_for_update(no_key=True).get(pk=source.space_id)
    output = output_of(source)
    before = _state(output)
    errors: list[FieldError] = []
    wanted = schedule if schedule is not None else output.schedule if output else DEFAULT
    plan, problems = read_schedule(wanted)
    errors += [FieldError(path=f"/schedule{one.path}", code=one.code, detail=one.detail) for one in problems]
    if excluded is not None:
        errors += _excluded_errors(excluded)
    if errors:
        raise InvalidError(errors[0].detail, errors)
    if output is None:
        output = WarehouseOutput(space=source.space, source=source, is_enabled=False, schema=_schema(source.space))
    was_enabled = output.is_enabled
    if is_enabled is not None:
        output.is_enabled = is_enabled
    if excluded is not None:
        output.excluded = sorted(set(excluded))
    output.schedule = dict(wanted)
    output.next_run_at = (plan or Schedule()).next_after(timezone.now()) if output.is_enabled else None
    output.save()
    after = _state(output)
    if before != after:
        audit.record(
            space=source.space, actor=changed_by, action="warehouse_output.changed", target=output, before=before,
            after=after,
        )  # fmt: skip
    if was_enabled and not output.is_enabled:
        cancel_runs(output)
    if output.is_enabled and not was_enabled and open_run(output) is None:
        start_run(output, OutputRun.Trigger.CHANGE)
    return output


@transaction.atomic
def sync_now(*, source: WarehouseSource, asked_by: User | None) -> OutputRun:
    """Queue a run. ConflictError while it is off or a run is under way."""
    output = _ready(source)
    audit.record(space=source.space, actor=asked_by, action="warehouse_output.synced", target=output)
    return start_run(output, OutputRun.Trigger.PERSON)


@transaction.atomic
def begin_again(*, source: WarehouseSource, asked_by: User | None) -> OutputRun:
    """Write every call once more that is stored; rows that are there stay as they are. For another database under the
    same settings, or tables that were dropped or left out before. ConflictError as `sync_now`.
    """
    output = _ready(source)
    output.position = 0
    output.save(update_fields=["position", "updated_at"])
    audit.record(space=source.space, actor=asked_by, action="warehouse_output.begun_again", target=output)
    return start_run(output, OutputRun.Trigger.AGAIN)


def known_tables(space: Space, output: WarehouseOutput | None) -> list[str]:
    """The tables that there are or will be: of calls, and of the events that connections emit or emitted."""
    found = dict(output.tables) if output else {}
    rows = Connection.objects.in_space(space).filter(removed_at=None, send_track=True)
    for enter, leave, kind in rows.values_list("enter_event", "exit_event", "computation_class").distinct():
        for event in [enter] if kind == "trait" else [enter, leave]:
            found.setdefault(event, safe_name(event))
    events = {*found.values(), *(output.excluded if output else ())} - set(OWN_TABLES)
    return [*OWN_TABLES, *sorted(events)]


def _ready(source: WarehouseSource) -> WarehouseOutput:
    output: WarehouseOutput | None = (
        WarehouseOutput.objects.select_for_update(of=("self",))
        .select_related("source", "space")
        .filter(source=source)
        .first()
    )
    if output is None or not output.is_enabled:
        raise ConflictError("Engage's calls are not written to this warehouse. Switch that on first.")
    if open_run(output) is not None:
        raise ConflictError("A run is under way already. Wait until it is over.")
    return output


def _excluded_errors(excluded: Sequence[Any]) -> list[FieldError]:
    if len(excluded) > MOST_EXCLUDED:
        return [FieldError(path="/excluded", code="too_many", detail=f"Leave out at most {MOST_EXCLUDED} tables.")]
    return [
        FieldError(
            path=f"/excluded/{number}",
            code="unknown_table",
            detail=f"{str(one)[:80]!r} is no table name. Tables are {', '.join(OWN_TABLES)}, and those of events, such "
            "as audience_entered.",
        )
        for number, one in enumerate(excluded)
        if not isinstance(one, str) or not one or len(one) > LONGEST or safe_name(one) != one
    ]


def _schema(space: Space) -> str:
    """`engage_<space>`; with an ending when the schemas of another space could be called the same."""
    others = WarehouseOutput.objects.exclude(space=space).values_list("schema", flat=True).distinct()
    schema = schema_name(space.slug)
    return schema_name(space.slug, f"_{space.public_id[-6:].lower()}") if clashes(schema, others) else schema


def _state(output: WarehouseOutput | None) -> dict[str, Any]:
    if output is None:
        return {}
    return {
        "is_enabled": output.is_enabled, "schedule": output.schedule, "excluded": output.excluded,
        "schema": output.schema,
    }  # fmt: skip
