"""People with whom the engine fails by a mistake of ours: they stay in place, the version says so, the rest goes on.

They are tried again every minute (`Run.retry_at`); the version's `problem` goes once none of its people is stuck.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import datetime

from engine.journeys.running import Arrived, Joined, Left, PositionState
from journeys.models import ENTRY, Run
from journeys.services.failing import RETRY_AFTER, STUCK
from journeys.services.live import LONGEST_PROBLEM, Live
from journeys.services.moving import Moves
from journeys.services.storing import RunRow, load_runs

logger = logging.getLogger(__name__)

Stuck = dict[int, tuple[RunRow, Exception]]
"""What went wrong with which run, by the run's identity: new ones have no id yet."""


def restore(live: Live, runs: Sequence[RunRow]) -> None:
    """Take back what the engine did to the runs; nothing of it was written."""
    keys = [(run.profile_id, run.id) for run in runs if run.id]
    stored = {run.id: run for run in load_runs(space_id=live.space.pk, keys=keys, step_ids=live.step_ids)}
    for run in runs:
        before = stored.get(run.id)
        run.positions = {} if before is None else before.positions
        run.completed_at = None if before is None else before.completed_at
        run.retry_at = None if before is None else before.retry_at
        run.ended_at = run.reentry_at = None
        run.end_reason = ""
        run.is_changed, run.fresh, run.changed = False, set(), set()


def put_aside(run: RunRow, moves: Moves, now: datetime) -> None:
    """Have the run tried again later. Who was moved to a step of another version waits at that step."""
    run.retry_at = now + RETRY_AFTER
    run.is_changed = True
    moves.keep(run)
    if not run.id and run.origin != ENTRY:
        run.positions = {
            ENTRY: PositionState(ENTRY, now, joined_at=now, left_at=now),
            run.origin: PositionState(run.origin, now),
        }
        moves.note(run, [Arrived(ENTRY), Joined(ENTRY), Left(ENTRY), Arrived(run.origin)])


def tell(live: Live, version_ids: Collection[int], stuck: Sequence[tuple[RunRow, Exception]]) -> None:
    """Say at each version what is wrong with its people, or that nothing is any more."""
    errors = {run.version_id: error for run, error in stuck}
    for version_id in version_ids:
        version = live.versions[version_id].row
        error = errors.get(version_id)
        if error is not None:
            logger.error("version %s of a journey: people cannot be moved on", version_id, exc_info=error)
            problem = f"{STUCK} ({type(error).__name__}: {str(error).partition(chr(10))[0]}"[: LONGEST_PROBLEM - 90]
            problem += "). They stay where they are and are tried again every minute."
        elif version.problem.startswith(STUCK) and not _waits(live, version_id):
            problem = ""
        else:
            continue
        if problem != version.problem:
            version.problem = problem
            version.save(update_fields=["problem"])


def _waits(live: Live, version_id: int) -> bool:
    return Run.objects.filter(
        space_id=live.space.pk, version_id=version_id, retry_at__isnull=False, ended_at=None
    ).exists()
