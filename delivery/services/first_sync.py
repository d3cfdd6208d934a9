"""First syncs: runs that send all current members over a connection, driven in slices from above this app.

The driver (audiences) locks a run, emits a slice, and advances or finishes it, all in one transaction.
"""

from __future__ import annotations

from django.utils import timezone

from delivery.models import Connection, FirstSync
from spaces.models import Space

OPEN = [FirstSync.State.WAITING, FirstSync.State.RUNNING]


def open_runs() -> list[FirstSync]:
    """Runs with work left whose connection sends now, oldest first."""
    return list(
        FirstSync.objects.filter(
            state__in=OPEN,
            connection__removed_at=None,
            connection__is_enabled=True,
            connection__destination__is_enabled=True,
            connection__destination__deleted_at=None,
        )
        .select_related("connection", "connection__space", "connection__destination")
        .order_by("id")
    )


def request(connection: Connection, *, is_resync: bool = False) -> FirstSync:
    """A run over all members, unless one is open already (then that one starts over)."""
    run = FirstSync.objects.select_for_update().filter(connection=connection, state__in=OPEN).first()
    if run is None:
        return FirstSync.objects.create(connection=connection, is_resync=is_resync)
    run.state = FirstSync.State.WAITING
    run.next_profile_id = run.profiles_done = 0
    run.is_resync = run.is_resync or is_resync
    run.save(update_fields=["state", "next_profile_id", "profiles_done", "is_resync"])
    return run


def running_resync(space: Space) -> FirstSync | None:
    """The resync of this space's workspace that is under way; one that rests, since something is off, is not."""
    return (
        FirstSync.objects.filter(
            is_resync=True,
            state__in=OPEN,
            connection__space__workspace_id=space.workspace_id,
            connection__removed_at=None,
            connection__is_enabled=True,
            connection__destination__is_enabled=True,
            connection__destination__deleted_at=None,
        )
        .select_related("connection__destination")
        .order_by("id")
        .first()
    )


def lock(run: FirstSync) -> FirstSync | None:
    """The run as it is now, locked for this transaction; None when it is over or somebody else has it."""
    return (
        FirstSync.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(pk=run.pk, state__in=OPEN, connection__removed_at=None, connection__is_enabled=True)
        .select_related("connection", "connection__space", "connection__destination")
        .first()
    )


def begin(run: FirstSync, *, profiles_total: int) -> None:
    run.state = FirstSync.State.RUNNING
    run.profiles_total = profiles_total
    run.save(update_fields=["state", "profiles_total"])


def advance(run: FirstSync, last_profile_id: int, count: int) -> None:
    """`count` more profiles were emitted, up to and including this one."""
    run.next_profile_id = last_profile_id
    run.profiles_done += count
    run.profiles_total = max(run.profiles_total, run.profiles_done)
    run.save(update_fields=["next_profile_id", "profiles_done", "profiles_total"])


def finish(run: FirstSync) -> None:
    run.state = FirstSync.State.DONE
    run.profiles_total = run.profiles_done
    run.finished_at = timezone.now()
    run.save(update_fields=["state", "profiles_total", "finished_at"])


def cancel(connection: Connection) -> None:
    FirstSync.objects.filter(connection=connection, state__in=OPEN).update(
        state=FirstSync.State.CANCELLED, finished_at=timezone.now()
    )
