"""What full computations have in common: claiming a run, slices of all profiles, trying again after errors."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from common.models import SlicedRun

LEASE = timedelta(minutes=5)
MAX_ATTEMPTS = 5  # delivery-and-observability.md §4: compute tasks, up to 5 attempts
OPEN = [SlicedRun.State.WAITING, SlicedRun.State.RUNNING]
Run = TypeVar("Run", bound=SlicedRun)


def claim_oldest(model: type[Run], begin: Callable[[Run], None]) -> Run | None:
    """Take the oldest open run that nobody works on; one that was never worked on is begun first."""
    now = timezone.now()
    with transaction.atomic():
        run = (
            model._default_manager.select_for_update(skip_locked=True)
            .filter(state__in=OPEN)
            .filter(Q(lease_until=None) | Q(lease_until__lt=now))
            .order_by("id")
            .first()
        )
        if run is None:
            return None
        if run.state == SlicedRun.State.WAITING:
            begin(run)
        run.state = SlicedRun.State.RUNNING
        run.attempts += 1
        run.lease_until = now + LEASE
        run.save()
    return run


def measure(run: SlicedRun, *, space_id: int, collection: int) -> None:
    """Note up to which profile the run goes, and how many there are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(max(id), 0), count(*) FROM profile WHERE space_id = %s AND collection = %s",
            [space_id, collection],
        )
        run.last_profile_id, run.profiles_total = cursor.fetchone()


def next_slice(run: SlicedRun, *, space_id: int, collection: int, size: int) -> tuple[int, int]:
    """The last profile id of the next slice and how many profiles it has."""
    left = run.profiles_total - run.profiles_done
    if left <= size:
        return run.last_profile_id, max(left, 0)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(id), count(*) FROM (SELECT id FROM profile WHERE space_id = %s AND collection = %s "
            "AND id > %s AND id <= %s ORDER BY id LIMIT %s) AS slice",
            [space_id, collection, run.next_profile_id, run.last_profile_id, size],
        )
        upper, count = cursor.fetchone()
    if upper is None or count < size:
        upper = run.last_profile_id
    return upper, count


def advance(run: SlicedRun, *, upper: int, count: int) -> bool:
    """Store that a slice is done, in its transaction. True when it was the last one."""
    now = timezone.now()
    run.next_profile_id = upper
    run.profiles_done += count
    run.lease_until = now + LEASE
    is_last = upper >= run.last_profile_id
    if is_last:
        run.state = SlicedRun.State.DONE
        run.finished_at = now
        run.lease_until = None
    run.save()
    return is_last


def note_failure(run: Run, error: str) -> bool:
    """Leave the run to a later claim. True when this was the last attempt: the run has failed."""
    rows = type(run)._default_manager.filter(pk=run.pk)
    if run.attempts >= MAX_ATTEMPTS:
        rows.update(state=SlicedRun.State.FAILED, error=error, finished_at=timezone.now(), lease_until=None)
        return True
    rows.update(error=error, lease_until=timezone.now() + timedelta(seconds=2**run.attempts))
    return False


def cancel_open(runs: QuerySet[Run]) -> int:
    """Cancel those of the runs that are not finished; a worker notices before its next slice."""
    return runs.filter(state__in=OPEN).update(state=SlicedRun.State.CANCELLED, finished_at=timezone.now())


def progress_percent(run: SlicedRun | None) -> int | None:
    """How far a run is, in whole percent; None when none is open."""
    if run is None:
        return None
    return min(99, run.profiles_done * 100 // run.profiles_total) if run.profiles_total else 0
