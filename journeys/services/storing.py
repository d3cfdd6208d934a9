"""Runs and positions in blocks: read for one advance, written back by COPY and one update a table.

Callers hold the space's lock (audiences/services/locks.py), so nobody else writes rows of these runs meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.db import connection

from delivery.services.copying import bigint_array, copy_rows, escape
from engine.journeys.running import PositionState, RunState

NULL = "\\N"
RUN_COLUMNS = (
    "space_id, profile_id, id, journey_id, version_id, key, entered_at, exit_at, completed_at, ended_at, end_reason, "
    "reentry_at, retry_at"
)
POSITION_COLUMNS = (
    "space_id, profile_id, run_id, step_id, version_id, arrived_at, joined_at, left_at, branch, wake_at, remove_at, "
    "removed_at"
)


@dataclass(slots=True, kw_only=True)
class RunRow(RunState):
    """The state of a run with what its rows say besides; `id` is 0 until it is stored.

    `fresh` are steps whose positions are not stored yet, `changed` those to be updated, by id in the definition.
    """

    space_id: int
    profile_id: int
    journey_pk: int
    version_id: int
    id: int = 0
    key: str = ""
    retry_at: datetime | None = None
    is_changed: bool = False
    fresh: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)


# Stands for a stored instant that is not changed again: reading all of them as datetimes took a quarter of the time.
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
ASKED = "unnest(%(profiles)s::bigint[], %(runs)s::bigint[]) AS k(profile_id, run_id)"
RUNS = f"""
SELECT r.profile_id, r.id, r.journey_id, r.version_id, r.key, extract(epoch FROM r.entered_at)::float8,
    extract(epoch FROM r.exit_at)::float8, r.completed_at IS NOT NULL, extract(epoch FROM r.retry_at)::float8
FROM {ASKED} JOIN journey_run r ON r.space_id = %(space)s AND r.profile_id = k.profile_id AND r.id = k.run_id
WHERE r.ended_at IS NULL
"""  # noqa: S608 - constants
POSITIONS = f"""
SELECT p.run_id, p.step_id, p.joined_at IS NOT NULL, p.left_at IS NOT NULL, p.branch,
    extract(epoch FROM p.wake_at)::float8, extract(epoch FROM p.remove_at)::float8, p.removed_at IS NOT NULL
FROM {ASKED} JOIN journey_position p ON p.space_id = %(space)s AND p.profile_id = k.profile_id AND p.run_id = k.run_id
"""  # noqa: S608 - constants


def load_runs(*, space_id: int, keys: Iterable[tuple[int, int]], step_ids: dict[int, str]) -> list[RunRow]:
    """The open runs among (profile id, run id), with all their positions; `step_ids`: by id of the step's row.

    What happened already is LONG_AGO; due times are exact, as are `entered_at` and `exit_at`.
    """
    wanted = sorted(set(keys))
    if not wanted:
        return []
    values: dict[str, int | str] = {
        "space": space_id,
        "profiles": bigint_array(profile_id for profile_id, _ in wanted),
        "runs": bigint_array(run_id for _, run_id in wanted),
    }
    with connection.cursor() as cursor:
        cursor.execute(RUNS, values)
        runs = {
            row[1]: RunRow(
                "",
                "",
                space_id=space_id,
                profile_id=row[0],
                id=row[1],
                journey_pk=row[2],
                version_id=row[3],
                key=row[4],
                entered_at=_instant(row[5]) or LONG_AGO,
                exit_at=_instant(row[6]),
                completed_at=LONG_AGO if row[7] else None,
                retry_at=_instant(row[8]),
            )
            for row in cursor.fetchall()
        }
        cursor.execute(POSITIONS, values)
        for run_id, step, is_joined, is_left, branch, wake, remove, is_removed in cursor.fetchall():
            run = runs.get(run_id)
            name = step_ids.get(step)
            if run is not None and name is not None:
                run.positions[name] = PositionState(
                    name,
                    LONG_AGO,
                    LONG_AGO if is_joined else None,
                    LONG_AGO if is_left else None,
                    branch,
                    None if wake is None else _instant(wake),
                    None if remove is None else _instant(remove),
                    LONG_AGO if is_removed else None,
                )
    return list(runs.values())


def _instant(epoch: float | None) -> datetime | None:
    """Exact to the microsecond: seconds of our centuries have more binary digits to spare."""
    return None if epoch is None else datetime.fromtimestamp(epoch, UTC)


def number_runs(runs: Sequence[RunRow]) -> None:
    """Give ids to runs that are to be stored."""
    new = [run for run in runs if not run.id]
    if not new:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('journey_run_id_seq') FROM generate_series(1, %s)", [len(new)])
        for run, (number,) in zip(new, cursor.fetchall(), strict=True):
            run.id = number


def insert_runs(*, space_id: int, runs: Sequence[RunRow]) -> None:
    if runs:
        text = Instants()
        copy_rows(
            "journey_run",
            RUN_COLUMNS,
            [
                f"{space_id}\t{run.profile_id}\t{run.id}\t{run.journey_pk}\t{run.version_id}\t{escape(run.key)}"
                f"\t{text(run.entered_at)}\t{text(run.exit_at)}\t{text(run.completed_at)}\t{text(run.ended_at)}"
                f"\t{run.end_reason}\t{text(run.reentry_at)}\t{text(run.retry_at)}"
                for run in runs
            ],
        )


def update_runs(*, space_id: int, runs: Sequence[RunRow]) -> None:
    if not runs:
        return
    text = Instants(null="NULL")
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE journey_run r SET completed_at = coalesce(r.completed_at, c.completed_at), ended_at = c.ended_at,
                end_reason = c.end_reason, reentry_at = c.reentry_at, retry_at = c.retry_at
            FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::timestamptz[],
                %s::timestamptz[]) AS c(profile_id, id, completed_at, ended_at, end_reason, reentry_at, retry_at)
            WHERE r.space_id = %s AND r.profile_id = c.profile_id AND r.id = c.id
            """,
            [
                bigint_array(run.profile_id for run in runs),
                bigint_array(run.id for run in runs),
                text.array(run.completed_at for run in runs),
                text.array(run.ended_at for run in runs),
                text_array(run.end_reason for run in runs),
                text.array(run.reentry_at for run in runs),
                text.array(run.retry_at for run in runs),
                space_id,
            ],
        )


Placed = tuple[RunRow, int, PositionState]
"""A position with its run and the id of its step's row."""


def insert_positions(*, space_id: int, placed: Sequence[Placed]) -> None:
    if placed:
        text = Instants()
        copy_rows(
            "journey_position",
            POSITION_COLUMNS,
            [
                f"{space_id}\t{run.profile_id}\t{run.id}\t{step}\t{run.version_id}\t{text(row.arrived_at)}"
                f"\t{text(row.joined_at)}\t{text(row.left_at)}\t{escape(row.branch)}\t{text(row.wake_at)}"
                f"\t{text(row.remove_at)}\t{text(row.removed_at)}"
                for run, step, row in placed
            ],
        )


def update_positions(*, space_id: int, placed: Sequence[Placed]) -> None:
    if not placed:
        return
    text = Instants(null="NULL")
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE journey_position p SET joined_at = coalesce(p.joined_at, c.joined_at),
                left_at = coalesce(p.left_at, c.left_at), branch = c.branch, wake_at = c.wake_at,
                remove_at = c.remove_at, removed_at = coalesce(p.removed_at, c.removed_at)
            FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::text[],
                %s::timestamptz[], %s::timestamptz[], %s::timestamptz[])
                AS c(profile_id, run_id, step_id, joined_at, left_at, branch, wake_at, remove_at, removed_at)
            WHERE p.space_id = %s AND p.profile_id = c.profile_id AND p.run_id = c.run_id AND p.step_id = c.step_id
            """,
            [
                bigint_array(run.profile_id for run, _, _ in placed),
                bigint_array(run.id for run, _, _ in placed),
                bigint_array(step for _, step, _ in placed),
                text.array(row.joined_at for _, _, row in placed),
                text.array(row.left_at for _, _, row in placed),
                text_array(row.branch for _, _, row in placed),
                text.array(row.wake_at for _, _, row in placed),
                text.array(row.remove_at for _, _, row in placed),
                text.array(row.removed_at for _, _, row in placed),
                space_id,
            ],
        )


class Instants:
    """Instants as text for COPY and array parameters; a block has few different ones."""

    def __init__(self, *, null: str = NULL) -> None:
        self.null = null
        self._known: dict[datetime, str] = {}

    def __call__(self, at: datetime | None) -> str:
        if at is None:
            return self.null
        found = self._known.get(at)
        if found is None:
            found = self._known[at] = at.isoformat()
        return found

    def array(self, instants: Iterable[datetime | None]) -> str:
        return "{" + ",".join(map(self, instants)) + "}"


def text_array(values: Iterable[str]) -> str:
    """A `text[]` parameter: psycopg is slow with long Python lists."""
    return "{" + ",".join(f'"{_quoted(value)}"' for value in values) + "}"


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"') if '"' in value or "\\" in value else value
