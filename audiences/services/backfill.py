"""Full evaluations in slices of profiles: first computation, edits, and enabling again.

Progress is a row. Each slice commits its memberships, the calls they cause and the new position together, so a killed
worker loses at most the slice it was in and the next one goes on from there.
"""

from __future__ import annotations

import logging
import time

from django.db import DatabaseError, transaction
from django.utils import timezone

from audiences.compiler import IdRange
from audiences.models import Audience, AudiencePurpose, ComputeRun, ComputeStatus
from audiences.services import listeners, runs
from audiences.services.compute import compute_block, dependents_of, evaluate, evaluated_audiences
from audiences.services.definitions import compiled
from audiences.services.following import Evaluated, follow
from audiences.services.locks import lock_space
from audiences.services.planning import planned_size
from audiences.tasks import first_syncs
from common.tasks import enqueue

logger = logging.getLogger(__name__)

# Of an audience whose changes somebody hears of: they pass through memory.
SLICE_PROFILES = 25_000
# Others begin with as many as are expected to take a moment, at least so many, and grow until a slice takes about so
# long or is a million.
FIRST_PROFILES = 200_000
SLICE_SECONDS = 3.0
MOST_PROFILES = 1_000_000
# Who enters a journey is moved through its first steps in the same transaction.
SLICE_ENTRIES = 5_000
# Under a steady stream of events the queue never empties: a slice waits for this much of it.
CATCH_UP_BLOCKS = 10


def claim_run() -> ComputeRun | None:
    """Take the oldest open run that nobody works on."""
    with transaction.atomic():
        run = runs.claim_oldest(ComputeRun, _begin)
        if run is not None:
            Audience.objects.filter(pk=run.audience_id, revision=run.revision, is_enabled=True).update(
                status=ComputeStatus.COMPUTING
            )
    return run


def _begin(run: ComputeRun) -> None:
    runs.measure(run, space_id=run.space_id, collection=run.audience.collection)


def work(run: ComputeRun, *, slice_profiles: int | None = None) -> None:
    """Carry a claimed run to its end. A database error is retried by a later claim, up to five in all."""
    is_entry = run.audience.purpose == AudiencePurpose.JOURNEY_ENTRY
    size = slice_profiles or SLICE_ENTRIES
    try:
        _catch_up(run)
        if slice_profiles is None and not is_entry:
            size = _first_size(run)
        started = time.monotonic()
        while _slice(run, size, is_fixed=slice_profiles is not None):
            if slice_profiles is None and not is_entry:
                size = _next_size(size, time.monotonic() - started)
            _catch_up(run)
            started = time.monotonic()
    except DatabaseError as error:
        logger.exception("compute run %s failed in attempt %s", run.pk, run.attempts)
        _note_failure(run, str(error).splitlines()[0][:500])


def _first_size(run: ComputeRun) -> int:
    with transaction.atomic():
        return min(max(planned_size(run, now=timezone.now()), FIRST_PROFILES), MOST_PROFILES)


def _catch_up(run: ComputeRun) -> None:
    """Let what already happened be evaluated first: a slice reads the stored membership of audiences it refers to."""
    for _ in range(CATCH_UP_BLOCKS):
        if not compute_block(space=run.space):
            return


def _next_size(size: int, seconds: float) -> int:
    """Slices that hold the space's lock for a moment: few in a big space, since each reads much of it anew."""
    if seconds < SLICE_SECONDS / 4:
        return min(size * 4, MOST_PROFILES)
    if seconds < SLICE_SECONDS / 2:
        return min(size * 2, MOST_PROFILES)
    return max(size // 2, SLICE_ENTRIES) if seconds > SLICE_SECONDS else size


def _slice(run: ComputeRun, slice_profiles: int, *, is_fixed: bool) -> bool:
    """Evaluate the next slice. False when the run is over (done, cancelled or outdated)."""
    with transaction.atomic():
        lock_space(run.space_id)
        run.refresh_from_db()
        audience = Audience.objects.select_related("space").get(pk=run.audience_id)
        if run.state != ComputeRun.State.RUNNING or audience.revision != run.revision or not audience.is_enabled:
            return False
        everyone = evaluated_audiences(audience.space)
        is_heard = listeners.is_heard(audience=audience, everyone=everyone)
        size = slice_profiles if is_fixed or not is_heard else min(slice_profiles, SLICE_PROFILES)
        upper, count = runs.next_slice(run, space_id=run.space_id, collection=audience.collection, size=size)
        now = timezone.now()
        if count:
            own = compiled([audience])
            scope = IdRange(first=run.next_profile_id + 1, last=upper)
            changes = evaluate(space=audience.space, audiences=own, scope=scope, now=now, is_heard=is_heard)
            changes = changes + dependents_of(
                space=audience.space, everyone=everyone, done=own, changes=changes, now=now
            )
            follow(Evaluated(space=audience.space, now=now, profile_ids=[], touched=None, changes=changes))
        is_last = runs.advance(run, upper=upper, count=count)
        if is_last:
            Audience.objects.filter(pk=audience.pk).update(
                status=ComputeStatus.LIVE, status_detail="", last_computed_at=now
            )
            enqueue(first_syncs)
        return not is_last


def _note_failure(run: ComputeRun, error: str) -> None:
    with transaction.atomic():
        if runs.note_failure(run, error):
            Audience.objects.filter(pk=run.audience_id, revision=run.revision).update(
                status=ComputeStatus.FAILED, status_detail=error
            )
