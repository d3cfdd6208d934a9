"""Calls of the product, and what is in a warehouse afterwards, read with its own client."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import psycopg
from django.utils import timezone

from delivery.models import Connection
from delivery.services.emit import Change, emit_changes
from profiles.models import Profile
from spaces.models import Space
from traits.models import WarehouseSource
from traits.tests.warehouses import server
from warehouse_output.models import OutputRun, WarehouseOutput
from warehouse_output.services.outputs import save_output
from warehouse_output.services.runs import claim_run, start_due
from warehouse_output.services.writing import work

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
# What a query asked with, and the rows as tuples.
Ask = Callable[[str], list[tuple[Any, ...]]]


def emit(connection: Connection, profile: Profile, value: bool = True, **options: Any) -> int:
    return emit_changes(
        space=connection.space,
        computation_id=connection.computation_id,
        changes=[Change(profile_id=profile.id, value=value, **options)],
        now=NOW,
    )


def switch_on(source: WarehouseSource, **options: Any) -> None:
    save_output(source=source, changed_by=None, is_enabled=True, **options)


def run_all() -> list[OutputRun]:
    """Carry out every run that waits."""
    done = []
    OutputRun.objects.filter(state__in=["waiting", "running"]).update(lease_until=None)
    while run := claim_run():
        work(run)
        run.refresh_from_db()
        done.append(run)
        if run.state != OutputRun.State.DONE:
            raise AssertionError(f"The run is {run.state}: {run.error}")
    return done


def run_once(space: Space) -> OutputRun:
    """Ask for a run as the schedule does, and carry it out."""
    WarehouseOutput.objects.in_space(space).update(next_run_at=NOW)
    start_due(now=timezone.now())
    [run] = run_all()
    return run


def ask_server(query: str) -> list[tuple[Any, ...]]:
    given = server()
    with psycopg.connect(
        host=given["host"], port=given["port"], dbname=given["database"], user=given["user"],
        password=given["password"], autocommit=True,
    ) as own:  # fmt: skip
        return own.execute(query.encode()).fetchall()


def ask_file(path: Path) -> Ask:
    def ask(query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(path), read_only=True) as own:
            return own.execute(query).fetchall()

    return ask


def users(ask: Ask, table: str, schema: str = "engage_acme_dev") -> list[tuple[Any, ...]]:
    """Whose rows a table has, by user id or else by e-mail address."""
    return sorted(ask(f"SELECT coalesce(user_id, email) FROM {schema}.{table}"))


def columns(ask: Ask, table: str, schema: str = "engage_acme_dev") -> dict[str, str]:
    rows = ask(
        "SELECT column_name, data_type FROM information_schema.columns "
        f"WHERE table_schema = '{schema}' AND table_name = '{table}' ORDER BY ordinal_position"
    )
    return dict(rows)


def tables(ask: Ask, schema: str = "engage_acme_dev") -> list[str]:
    rows = ask(f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{schema}' ORDER BY 1")
    return [row[0] for row in rows]


def said(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=str)
