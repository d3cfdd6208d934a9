"""Full evaluations in slices of profiles: first computation, edits, and enabling again.

Progress is a row. Each slice commits its memberships, the calls they cause and the new position together, so a killed
worker loses at most the slice it was in and the next one goes on from there.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import DatabaseError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from audiences.compiler import IdRange
from audiences.models import Audience, AudiencePurpose, ComputeRun, ComputeStatus
from audiences.services.compute import compute_block, dependents_of, evaluate, evaluated_audiences
from audiences.services.definitions import compiled
from audiences.services.following import Evaluated, follow
from audiences.services.locks import lock_space
from audiences.tasks import first_syncs
from common.tasks import enqueue

logger = logging.getLogger(__name__)

SLICE_PROFILES = 25_000
# Who enters a journey is moved through its first steps in the same transaction.
SLICE_ENTRIES = 5_000
LEASE = timedelta(minutes=5)
# Under a steady stream of events the queue never empties: a slice waits for this much of it.
CATCH_UP_BLOCKS = 10
MAX_ATTEMPTS = 5  # delivery-and-observability.md §4: compute tasks, up to 5 attempts


def claim_run() -> ComputeRun | None:
    """Take the oldest open run that nobody works on."""
    now = timezone.now()
    with transaction.atomic():
        run = (
            ComputeRun.objects.select_for_update(skip_locked=True)
            .filter(state__in=[ComputeRun.State.WAITING, ComputeRun.State.RUNNING])
            .filter(Q(lease_until=None) | Q(lease_until__lt=now))
            .order_by("id")
            .first()
        )
        if run is None:
            return None
        if run.state == ComputeRun.State.WAITING:
            _begin(run)
        run.state = ComputeRun.State.RUNNING
        run.attempts += 1
        run.lease_until = now + LEASE
        run.save()
        Audience.objects.filter(pk=run.audience_id, revision=run.revision, is_enabled=True).update(
            status=ComputeStatus.COMPUTING
        )
    return run


def _begin(run: ComputeRun) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(max(id), 0), count(*) FROM profile WHERE space_id = %s AND collection = %s",
            [run.space_id, run.audience.collection],
        )
        run.last_profile_id, run.profiles_total = cursor.fetchone()


def work(run: ComputeRun, *, slice_profiles: int | None = None) -> None:
    """Carry a claimed run to its end. A database error is retried by a later claim, up to MAX_ATTEMPTS in all."""
    if slice_profiles is None:
        is_entry = run.audience.purpose == AudiencePurpose.JOURNEY_ENTRY
        slice_profiles = SLICE_ENTRIES if is_entry else SLICE_PROFILES
    try:
        _catch_up(run)
        while _slice(run, slice_profiles):
            _catch_up(run)
    except DatabaseError as error:
        logger.exception("compute run %s failed in attempt %s", run.pk, run.attempts)
        _note_failure(run, str(error).splitlines()[0][:500])


def _catch_up(run: ComputeRun) -> None:
    """Let what already happened be evaluated first: a slice reads the stored membership of audiences it refers to."""
    for _ in range(CATCH_UP_BLOCKS):
        if not compute_block(space=run.space):
            return


def _slice(run: ComputeRun, slice_profiles: int) -> bool:
    """Evaluate the next slice. False when the run is over (done, cancelled or outdated)."""
    with transaction.atomic():
        lock_space(run.space_id)
        run.refresh_from_db()
        audience = Audience.objects.select_related("space").get(pk=run.audience_id)
        if run.state != ComputeRun.State.RUNNING or audience.revision != run.revision or not audience.is_enabled:
            return False
        upper, count = _next_slice(run, slice_profiles)
        now = timezone.now()
        if count:
            own = compiled([audience])
            scope = IdRange(first=run.next_profile_id + 1, last=upper)
            changes = evaluate(space=audience.space, audiences=own, scope=scope, now=now)
            everyone = evaluated_audiences(audience.space)
            changes = changes + dependents_of(
                space=audience.space, everyone=everyone, done=own, changes=changes, now=now
            )
            follow(Evaluated(space=audience.space, now=now, profile_ids=[], touched=None, changes=changes))
        run.next_profile_id = upper
        run.profiles_done += count
        run.lease_until = now + LEASE
        is_last = upper >= run.last_profile_id
        if is_last:
            run.state = ComputeRun.State.DONE
            run.finished_at = now
            run.lease_until = None
            Audience.objects.filter(pk=audience.pk).update(
                status=ComputeStatus.LIVE, status_detail="", last_computed_at=now
            )
            enqueue(first_syncs)
        run.save()
        return not is_last


def _next_slice(run: ComputeRun, slice_profiles: int) -> tuple[int, int]:
    """The last profile id of the next slice and how many profiles it has."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(id), count(*) FROM (SELECT id FROM profile WHERE space_id = %s AND collection = %s "
            "AND id > %s AND id <= %s ORDER BY id LIMIT %s) AS slice",
            [run.space_id, run.audience.collection, run.next_profile_id, run.last_profile_id, slice_profiles],
        )
        upper, count = cursor.fetchone()
    if upper is None or count < slice_profiles:
        upper = run.last_profile_id
    return upper, count


def _note_failure(run: ComputeRun, error: str) -> None:
    with transaction.atomic():
        if run.attempts >= MAX_ATTEMPTS:
            ComputeRun.objects.filter(pk=run.pk).update(
                state=ComputeRun.State.FAILED, error=error, finished_at=timezone.now(), lease_until=None
            )
            Audience.objects.filter(pk=run.audience_id, revision=run.revision).update(
                status=ComputeStatus.FAILED, status_detail=error
            )
        else:
            wait = timedelta(seconds=2**run.attempts)
            ComputeRun.objects.filter(pk=run.pk).update(error=error, lease_until=timezone.now() + wait)
