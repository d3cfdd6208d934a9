"""What one block does to runs and positions: noted one by one in memory, then written, counted and sent as a whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db import connection

from audiences.services.steps import announce, is_asked
from delivery.services.copying import bigint_array
from delivery.services.emit import Change, emit_changes
from engine.journeys import running
from engine.journeys.running import Arrived, Completed, Effect, Exited, Joined, Left, Sent
from journeys.models import EndReason, JourneyStep
from journeys.selectors.step_references import names_of
from journeys.services import counting
from journeys.services.storing import (
    Placed,
    RunRow,
    insert_positions,
    insert_runs,
    number_runs,
    update_positions,
    update_runs,
)
from spaces.models import Space

Rows = Mapping[int, Mapping[str, JourneyStep]]
"""The rows of steps by version id and step id."""

# Runs that handed their people on: what they sent is taken back when the run that has the person now exits.
HANDED_ON = [EndReason.MERGED, EndReason.MOVED]


class Moves:
    """`rows` covers every version whose runs are moved; `repeated` holds (version, profile, step row) of steps that
    earlier runs joined, so that a person is counted as new at a step once."""

    def __init__(
        self, *, space: Space, rows: Rows, now: datetime, repeated: frozenset[tuple[int, int, int]] = frozenset()
    ) -> None:
        self.space = space
        self.rows = rows
        self.now = now
        self.repeated = repeated
        self.tally = counting.Tally()
        self.runs: dict[int, RunRow] = {}
        self.sends: list[tuple[int, Change]] = []
        self.exited: list[RunRow] = []

    def take(self, run: RunRow) -> None:
        """A new run."""
        self.keep(run)
        self.tally.entered(run.version_id)

    def keep(self, run: RunRow) -> None:
        """Have the run written, also when nothing else happens to it."""
        self.runs[id(run)] = run

    def note(self, run: RunRow, effects: Sequence[Effect]) -> None:
        """What the engine did to the run, which it changed in place."""
        tally, version_id, rows = self.tally, run.version_id, self.rows[run.version_id]
        for effect in effects:
            # By frequency; isinstance on slotted classes is the cheapest way to tell them apart.
            if isinstance(effect, Arrived):
                run.fresh.add(effect.step)
                tally.arrived(version_id, rows[effect.step].pk)
            elif isinstance(effect, Joined):
                run.changed.add(effect.step)
                step = rows[effect.step].pk
                is_first = (version_id, run.profile_id, step) not in self.repeated
                tally.joined(version_id, step, effect.branch, is_first=is_first)
            elif isinstance(effect, Left):
                run.changed.add(effect.step)
                step = rows[effect.step].pk
                if effect.gave_up:
                    tally.gave_up(version_id, step)
                else:
                    tally.left(version_id, step, run.positions[effect.step].branch)
            elif isinstance(effect, Sent):
                change = Change(profile_id=run.profile_id, value=effect.value)
                self.sends.append((rows[effect.step].pk, change))
            elif isinstance(effect, Completed):
                run.is_changed = True
                tally.completed(version_id)
            elif isinstance(effect, Exited):
                run.is_changed = True
                self.exited.append(run)
                if run.completed_at is None:
                    tally.exited(version_id)
            else:
                run.changed.add(effect.step)
        if effects:
            self.keep(run)

    def end(self, run: RunRow, reason: EndReason) -> None:
        """The run is over: it leaves every step. Nothing is sent by this (`take_back`)."""
        removals = [name for name, position in run.positions.items() if position.remove_at is not None]
        self.note(run, running.end(run, self.now, reason.value))
        run.changed.update(removals)
        run.retry_at = None
        run.is_changed = True
        self.keep(run)
        if run.completed_at is None:
            self.tally.ended(run.version_id)

    def take_back(self, run: RunRow) -> None:
        """The person exits from every destination, though the exit time has not come."""
        rows = self.rows[run.version_id]
        for name, position in run.positions.items():
            if position.joined_at is not None and position.removed_at is None and rows[name].key:
                position.removed_at = self.now
                run.changed.add(name)
                self.sends.append((rows[name].pk, Change(profile_id=run.profile_id, value=False)))
        self.exited.append(run)

    def write(self) -> None:
        """Store everything, in the caller's transaction."""
        runs = list(self.runs.values())
        new = [run for run in runs if not run.id]
        number_runs(new)
        insert_runs(space_id=self.space.pk, runs=new)
        fresh: list[Placed] = []
        changed: list[Placed] = []
        for run in runs:
            rows = self.rows[run.version_id]
            fresh += [(run, rows[name].pk, run.positions[name]) for name in run.fresh]
            changed += [(run, rows[name].pk, run.positions[name]) for name in run.changed - run.fresh]
        insert_positions(space_id=self.space.pk, placed=fresh)
        update_positions(space_id=self.space.pk, placed=changed)
        inserted = {run.id for run in new}
        update_runs(space_id=self.space.pk, runs=[run for run in runs if run.is_changed and run.id not in inserted])
        counting.add(space_id=self.space.pk, tally=self.tally, now=self.now)
        self._send()
        self._tell(runs)
        for run in runs:
            run.fresh, run.changed, run.is_changed = set(), set(), False

    def _tell(self, runs: Sequence[RunRow]) -> None:
        """Audiences may ask who is in a step."""
        if not is_asked(self.space):
            return
        moved: dict[frozenset[str], set[int]] = defaultdict(set)
        for run in runs:
            rows = self.rows[run.version_id]
            names = run.positions if run.ended_at is not None else run.fresh | run.changed
            for name in names:
                if run.positions[name].joined_at is not None:
                    moved[names_of(rows[name])].add(run.profile_id)
        announce(space=self.space, moved=moved, now=self.now)

    def _send(self) -> None:
        sends = self.sends
        if self.exited:
            sends = sends + _handed_on(self.space.pk, self.exited)
        if any(not change.value for _, change in sends):
            kept = _still_there(self.space.pk, sends)
            sends = [(step, change) for step, change in sends if change.value or (step, change.profile_id) not in kept]
        if not sends:
            return
        public_ids = {row.pk: row.public_id for rows in self.rows.values() for row in rows.values()}
        for step, changes in _in_turns(sends):
            emit_changes(space=self.space, computation_id=public_ids[step], changes=changes, now=self.now)


def _in_turns(sends: Iterable[tuple[int, Change]]) -> list[tuple[int, list[Change]]]:
    """The changes of each step in order; one call never holds two of the same person."""
    turns: dict[tuple[int, int], list[Change]] = {}
    seen: dict[tuple[int, int], int] = {}
    for step, change in sends:
        turn = seen.get((step, change.profile_id), 0)
        seen[step, change.profile_id] = turn + 1
        turns.setdefault((turn, step), []).append(change)
    return [(step, changes) for (_, step), changes in sorted(turns.items())]


def _still_there(space_id: int, sends: Sequence[tuple[int, Change]]) -> set[tuple[int, int]]:
    """(step, profile) of those who are at the step in another open run, such as of another version: they stay."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT p.step_id, p.profile_id FROM journey_position p
            JOIN journey_run r ON r.space_id = p.space_id AND r.profile_id = p.profile_id AND r.id = p.run_id
            WHERE p.space_id = %s AND p.profile_id = ANY(%s::bigint[]) AND p.step_id = ANY(%s::bigint[])
            AND p.joined_at IS NOT NULL AND p.removed_at IS NULL AND r.ended_at IS NULL
            """,
            [
                space_id,
                bigint_array({change.profile_id for _, change in sends if not change.value}),
                bigint_array({step for step, change in sends if not change.value}),
            ],
        )
        return set(cursor.fetchall())


def _handed_on(space_id: int, exited: Sequence[RunRow]) -> list[tuple[int, Change]]:
    """What runs sent that were merged into the exited ones, or moved to their version."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT p.step_id, p.profile_id FROM journey_run r
            JOIN journey_position p ON p.space_id = r.space_id AND p.profile_id = r.profile_id AND p.run_id = r.id
            JOIN journeys_journeystep s ON s.id = p.step_id AND s.key <> ''
            WHERE r.space_id = %s AND r.profile_id = ANY(%s::bigint[]) AND r.journey_id = ANY(%s::bigint[])
            AND r.end_reason = ANY(%s) AND p.joined_at IS NOT NULL AND p.removed_at IS NULL
            ORDER BY p.step_id, p.profile_id
            """,
            [
                space_id,
                bigint_array({run.profile_id for run in exited}),
                bigint_array({run.journey_pk for run in exited}),
                [reason.value for reason in HANDED_ON],
            ],
        )
        return [(step, Change(profile_id=profile_id, value=False)) for step, profile_id in cursor.fetchall()]
