"""First sync of a connection: every current member through the same door as a change, in slices.

What was sent already is known per identifier (`sent_value`), so a resumed or repeated run sends nothing twice. When a
paused connection is switched on again the same run also sends the exits that were missed.
"""

from __future__ import annotations

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from audiences.models import Audience, ComputeStatus
from audiences.services.locks import try_lock_space
from delivery.models import FirstSync
from delivery.services import first_sync as runs
from delivery.services.account_members import INSIDE
from delivery.services.emit import Change, emit_changes
from profiles.models import ACCOUNTS

SLICE_PROFILES = 2_000
MISSED_ACCOUNTS = """
SELECT s.profile_id FROM sent_value s
WHERE s.space_id = %s AND s.connection_id = %s AND s.id_type = 'account' AND s.value = %s::jsonb
AND NOT EXISTS (
    SELECT 1 FROM membership m WHERE m.space_id = s.space_id AND m.audience_id = %s
    AND m.profile_id = s.profile_id AND m.is_member
)
"""


def open_runs() -> list[FirstSync]:
    """Runs of audiences whose members are known: those still being computed wait for it."""
    open_ = runs.open_runs()
    ids = {run.connection.computation_id for run in open_}
    ready = set(
        Audience.objects.filter(
            public_id__in=ids, deleted_at=None, is_enabled=True, status=ComputeStatus.LIVE
        ).values_list("public_id", flat=True)
    )
    return [run for run in open_ if run.connection.computation_id in ready]


def sync_slice(run: FirstSync, *, slice_profiles: int = SLICE_PROFILES) -> bool:
    """Send the next members. False when the run is over or it is not our turn."""
    with transaction.atomic():
        if not try_lock_space(run.connection.space_id):
            return False
        locked = runs.lock(run)
        if locked is None:
            return False
        audience = Audience.objects.select_related("space").get(public_id=locked.connection.computation_id)
        if locked.state == FirstSync.State.WAITING:
            runs.begin(locked, profiles_total=audience.size)
        ids = _members_after(audience, locked.next_profile_id, slice_profiles)
        now = timezone.now()
        if ids:
            emit_changes(
                space=audience.space,
                computation_id=audience.public_id,
                changes=[Change(profile_id=profile_id, value=True) for profile_id in ids],
                now=now,
                connections=[locked.connection],
                is_first_sync=True,
            )
            runs.advance(locked, last_profile_id=ids[-1], count=len(ids))
        if len(ids) == slice_profiles:
            return True
        missed = _missed_exits(audience, locked.connection_id)
        if missed:
            emit_changes(
                space=audience.space,
                computation_id=audience.public_id,
                changes=[Change(profile_id=profile_id, value=False) for profile_id in missed],
                now=now,
                connections=[locked.connection],
            )
        runs.finish(locked)
        return False


def _members_after(audience: Audience, profile_id: int, limit: int) -> list[int]:
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT profile_id FROM membership WHERE space_id = %s AND audience_id = %s AND profile_id > %s "
            "AND is_member ORDER BY profile_id LIMIT %s",
            [audience.space_id, audience.pk, profile_id, limit],
        )
        return [row[0] for row in cursor.fetchall()]


def _missed_exits(audience: Audience, connection_id: int) -> list[int]:
    """Profiles last sent as members that no longer are; of an account audience, accounts."""
    with database.cursor() as cursor:
        if audience.collection == ACCOUNTS:
            cursor.execute(MISSED_ACCOUNTS, [audience.space_id, connection_id, INSIDE, audience.pk])
            return [row[0] for row in cursor.fetchall()]
        cursor.execute(
            """
            SELECT DISTINCT s.profile_id FROM sent_value s
            WHERE s.space_id = %s AND s.connection_id = %s AND s.value IN ('true'::jsonb, '"unsent"'::jsonb)
            AND NOT EXISTS (
                SELECT 1 FROM membership m WHERE m.space_id = s.space_id AND m.audience_id = %s
                AND m.profile_id = s.profile_id AND m.is_member
            )
            """,
            [audience.space_id, connection_id, audience.pk],
        )
        return [row[0] for row in cursor.fetchall()]
