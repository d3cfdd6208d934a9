"""First syncs of destinations that were connected to a step people are at, or switched on again.

The runs are `delivery`'s; who joined a step and was not taken off it again is known here (journeys.md §4).
"""

from __future__ import annotations

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from audiences.services.locks import try_lock_space
from delivery.models import FirstSync
from delivery.services import first_sync as runs
from delivery.services.emit import Change, emit_changes
from journeys.models import JourneyStep
from journeys.services.counting import people_of_step

SLICE_PROFILES = 2_000

# People who are sent: they joined the step in a run that is open, and were not removed from it.
MEMBERS = """
SELECT DISTINCT p.profile_id FROM journey_position p
JOIN journey_run r ON r.space_id = p.space_id AND r.profile_id = p.profile_id AND r.id = p.run_id
WHERE p.space_id = %(space)s AND p.step_id = %(step)s AND p.profile_id > %(after)s
AND p.joined_at IS NOT NULL AND p.removed_at IS NULL AND r.ended_at IS NULL
ORDER BY p.profile_id LIMIT %(limit)s
"""
# Last sent as entered; exited or removed since, and not there in another run.
MISSED_EXITS = """
SELECT DISTINCT s.profile_id FROM sent_value s
JOIN journey_position p ON p.space_id = s.space_id AND p.profile_id = s.profile_id AND p.step_id = %(step)s
JOIN journey_run r ON r.space_id = p.space_id AND r.profile_id = p.profile_id AND r.id = p.run_id
WHERE s.space_id = %(space)s AND s.connection_id = %(connection)s AND s.value = 'true'::jsonb
AND (p.removed_at IS NOT NULL OR r.end_reason = 'exited')
AND NOT EXISTS (
    SELECT FROM journey_position q
    JOIN journey_run o ON o.space_id = q.space_id AND o.profile_id = q.profile_id AND o.id = q.run_id
    WHERE q.space_id = s.space_id AND q.profile_id = s.profile_id AND q.step_id = %(step)s
    AND q.joined_at IS NOT NULL AND q.removed_at IS NULL AND o.ended_at IS NULL
)
ORDER BY s.profile_id
"""


def open_runs() -> list[FirstSync]:
    """Open runs of connections of steps, oldest first."""
    open_ = runs.open_runs()
    steps = set(
        JourneyStep.objects.filter(
            public_id__in={run.connection.computation_id for run in open_}, journey__deleted_at=None
        ).values_list("public_id", flat=True)
    )
    return [run for run in open_ if run.connection.computation_id in steps]


def sync_slice(run: FirstSync, *, slice_profiles: int = SLICE_PROFILES) -> bool:
    """Send the next people at the step. False when the run is over or it is not our turn."""
    with transaction.atomic():
        if not try_lock_space(run.connection.space_id):
            return False
        locked = runs.lock(run)
        if locked is None:
            return False
        step = JourneyStep.objects.select_related("space").get(public_id=locked.connection.computation_id)
        if locked.state == FirstSync.State.WAITING:
            runs.begin(locked, profiles_total=people_of_step(step))
        now = timezone.now()
        values = {
            "space": step.space_id,
            "step": step.pk,
            "connection": locked.connection_id,
            "after": locked.next_profile_id,
            "limit": slice_profiles,
        }
        ids = _profiles(MEMBERS, values)
        if ids:
            emit_changes(
                space=step.space,
                computation_id=step.public_id,
                changes=[Change(profile_id=profile_id, value=True) for profile_id in ids],
                now=now,
                connections=[locked.connection],
                is_first_sync=True,
            )
            runs.advance(locked, last_profile_id=ids[-1], count=len(ids))
        if len(ids) == slice_profiles:
            return True
        if missed := _profiles(MISSED_EXITS, values):
            emit_changes(
                space=step.space,
                computation_id=step.public_id,
                changes=[Change(profile_id=profile_id, value=False) for profile_id in missed],
                now=now,
                connections=[locked.connection],
            )
        runs.finish(locked)
        return False


def _profiles(statement: str, values: dict[str, int]) -> list[int]:
    with database.cursor() as cursor:
        cursor.execute(statement, values)
        return [row[0] for row in cursor.fetchall()]
