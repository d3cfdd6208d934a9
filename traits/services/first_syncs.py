"""First sync of a connection: every value of the trait through the same door as a change, in slices.

What was sent already is known per identifier (`sent_value`), so a resumed or repeated run sends nothing twice. When a
paused connection is switched on again the same run also takes back values that are gone meanwhile.
"""

from __future__ import annotations

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from audiences.models import ComputeStatus
from audiences.services.locks import try_lock_space
from delivery.models import FirstSync
from delivery.services import first_sync as runs
from delivery.services.emit import Change, emit_changes
from traits.models import Trait
from traits.services.storing import NULL

SLICE_PROFILES = 2_000


def open_runs() -> list[FirstSync]:
    """Runs of traits whose values are known: those still being computed wait for it."""
    open_ = runs.open_runs()
    ids = {run.connection.computation_id for run in open_}
    ready = set(
        Trait.objects.filter(
            public_id__in=ids, deleted_at=None, is_enabled=True, status=ComputeStatus.LIVE
        ).values_list("public_id", flat=True)
    )
    return [run for run in open_ if run.connection.computation_id in ready]


def sync_slice(run: FirstSync, *, slice_profiles: int = SLICE_PROFILES) -> bool:
    """Send the next values. False when the run is over or it is not our turn."""
    with transaction.atomic():
        if not try_lock_space(run.connection.space_id):
            return False
        locked = runs.lock(run)
        if locked is None:
            return False
        trait = Trait.objects.select_related("space").get(public_id=locked.connection.computation_id)
        if locked.state == FirstSync.State.WAITING:
            runs.begin(locked, profiles_total=trait.size)
        changes = _values_after(trait, locked.next_profile_id, slice_profiles)
        now = timezone.now()
        if changes:
            emit_changes(
                space=trait.space,
                computation_id=trait.public_id,
                changes=changes,
                now=now,
                connections=[locked.connection],
                is_first_sync=True,
            )
            runs.advance(locked, last_profile_id=changes[-1].profile_id, count=len(changes))
        if len(changes) == slice_profiles:
            return True
        gone = _gone(trait, locked.connection_id)
        if gone:
            emit_changes(
                space=trait.space,
                computation_id=trait.public_id,
                changes=gone,
                now=now,
                connections=[locked.connection],
            )
        runs.finish(locked)
        return False


def _values_after(trait: Trait, profile_id: int, limit: int) -> list[Change]:
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT profile_id, value::text FROM trait_value WHERE space_id = %s AND trait_id = %s AND profile_id > %s "
            "AND value IS NOT NULL ORDER BY profile_id LIMIT %s",
            [trait.space_id, trait.pk, profile_id, limit],
        )
        return [Change(profile_id=row[0], value=True, json=row[1]) for row in cursor.fetchall()]


def _gone(trait: Trait, connection_id: int) -> list[Change]:
    """Profiles last sent a value that have none any more."""
    with database.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT s.profile_id FROM sent_value s
            WHERE s.space_id = %s AND s.connection_id = %s
            AND (s.value = '"unsent"'::jsonb OR jsonb_typeof(s.value) = 'array' AND s.value <> '[null]'::jsonb)
            AND NOT EXISTS (
                SELECT 1 FROM trait_value v WHERE v.space_id = s.space_id AND v.trait_id = %s
                AND v.profile_id = s.profile_id AND v.value IS NOT NULL
            ) ORDER BY s.profile_id
            """,
            [trait.space_id, connection_id, trait.pk],
        )
        return [Change(profile_id=row[0], value=False, json=NULL) for row in cursor.fetchall()]
