"""Dry runs: what a journey would have done in a period of the past, over stored history (ux.md §8.6).

The work is a row. A slice of people is simulated, then counts and position are committed together; a worker that dies
loses its slice, and another one goes on. Nothing else is written, and nothing goes over the network.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from common.errors import ConflictError, InvalidError
from common.tasks import enqueue
from journeys.models import DryRun, JourneyVersion
from journeys.services.dry_run_tally import Tally
from journeys.services.histories import Traits
from journeys.services.simulating import Period, Simulation, stopping_problems
from journeys.tasks import dry_run as dry_run_task
from spaces.models import Space, User

logger = logging.getLogger(__name__)

OPEN = [DryRun.State.WAITING, DryRun.State.RUNNING]
SLICE_SECONDS = 2.0
LEASE = timedelta(minutes=2)
MAX_ATTEMPTS = 5
LONGEST_PERIOD = timedelta(days=3_660)
KEPT = 20
TRAITS, STATE = "traits", "state"
"""While a dry run is open its `result` holds how traits are taken, and the counts so far."""


@transaction.atomic
def start(
    *,
    version: JourneyVersion,
    from_at: datetime,
    to_at: datetime,
    started_by: User | None,
    traits: Traits = Traits.AS_TODAY,
) -> DryRun:
    """Queue a dry run of the version as it is defined now. An open one of the same version is cancelled.

    InvalidError at /from or /to for an empty, future or overlong period, and with all problems of a definition that
    cannot be run (missing names and destinations do not matter).
    """
    now = timezone.now()
    _check_period(from_at, to_at, now)
    problems = stopping_problems(version)
    if problems:
        count = len(problems)
        what = "1 problem" if count == 1 else f"{count} problems"
        raise InvalidError(f"This journey has {what} that a dry run cannot work round. Correct them first.", problems)
    version = JourneyVersion.objects.select_for_update(of=("self",)).select_related("journey").get(pk=version.pk)
    DryRun.objects.filter(version=version, state__in=OPEN).update(
        state=DryRun.State.CANCELLED, finished_at=now, result=None, lease_until=None
    )
    run = DryRun.objects.create(
        space_id=version.journey.space_id,
        version=version,
        definition=version.definition,
        revision=version.revision,
        from_at=from_at,
        to_at=to_at,
        result={TRAITS: traits.value},
        created_by=started_by,
    )
    kept = DryRun.objects.filter(version=version).order_by("-pk").values_list("pk", flat=True)[:KEPT]
    DryRun.objects.filter(version=version).exclude(pk__in=list(kept)).delete()
    enqueue(dry_run_task)
    return run


def _check_period(from_at: datetime, to_at: datetime, now: datetime) -> None:
    if from_at >= to_at:
        raise InvalidError.at("/to", "Choose an end that is later than the beginning.", "empty_period")
    if to_at > now + timedelta(minutes=1):
        raise InvalidError.at("/to", "A dry run looks at the past: choose an end that is not in the future.", "future")
    if to_at - from_at > LONGEST_PERIOD:
        raise InvalidError.at("/from", "Choose a period of at most ten years.", "too_long")


@transaction.atomic
def cancel(*, run: DryRun) -> DryRun:
    """Stop it; counts so far are dropped. ConflictError when it is over already."""
    changed = DryRun.objects.filter(pk=run.pk, state__in=OPEN).update(
        state=DryRun.State.CANCELLED, finished_at=timezone.now(), result=None, lease_until=None
    )
    if not changed:
        raise ConflictError("This dry run is over already.")
    run.refresh_from_db()
    return run


def claim() -> DryRun | None:
    """Take the oldest open dry run that nobody works on."""
    now = timezone.now()
    with transaction.atomic():
        run = (
            DryRun.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("version", "version__journey", "space")
            .filter(state__in=OPEN)
            .filter(Q(lease_until=None) | Q(lease_until__lt=now))
            .order_by("id")
            .first()
        )
        if run is None:
            return None
        if run.attempts >= MAX_ATTEMPTS:
            _fail(run, run.error or "It was stopped too often by workers that ended before it was done.")
            return None
        run.state = DryRun.State.RUNNING
        run.attempts += 1
        run.lease_until = now + LEASE
        run.save(update_fields=["state", "attempts", "lease_until"])
    return run


def work(run: DryRun, *, deadline: float) -> None:
    """Carry a claimed dry run on until it is done, or `deadline` (time.monotonic()): then another claim goes on.

    A database error is tried again by a later claim, up to MAX_ATTEMPTS in a row without progress.
    """
    try:
        simulation = _simulation(run)
        if run.profiles_total == 0:
            run.profiles_total = simulation.count()
        is_open = True
        while is_open:
            is_open = _slice(run, simulation)
            if is_open and time.monotonic() >= deadline:
                _hand_over(run)
                return
    except DatabaseError as error:
        logger.exception("dry run %s failed in attempt %s", run.pk, run.attempts)
        _note_failure(run, str(error).splitlines()[0][:500])
    except Exception:
        logger.exception("dry run %s cannot be carried out", run.pk)
        _fail(run, "The simulation failed because of an error in the product. It was logged with the id of this run.")


def _simulation(run: DryRun) -> Simulation:
    return Simulation.of_definition(
        space=run.space,
        journey=run.version.journey,
        definition=run.definition,
        period=Period(from_at=run.from_at, to_at=run.to_at),
        traits=Traits((run.result or {}).get(TRAITS, Traits.AS_TODAY)),
    )


def _slice(run: DryRun, simulation: Simulation) -> bool:
    """Simulate the next people for about SLICE_SECONDS, then store. False when the run is over."""
    state: Mapping[str, Any] | None = (run.result or {}).get(STATE)
    tally = simulation.new_tally() if state is None else Tally.from_state(state)
    started = time.monotonic()
    after: int | None = run.next_profile_id
    while after is not None:
        run.next_profile_id = after
        after = simulation.add_block(tally, after=after)
        if time.monotonic() - started >= SLICE_SECONDS:
            break
    is_last = after is None
    if after is not None:
        run.next_profile_id = after
    now = timezone.now()
    run.profiles_done = tally.people
    run.profiles_total = max(run.profiles_total, tally.people)
    kept = {TRAITS: (run.result or {}).get(TRAITS, Traits.AS_TODAY.value)}
    run.result = kept | (tally.as_result() if is_last else {STATE: tally.as_state()})
    changes: dict[str, Any] = {
        "next_profile_id": run.next_profile_id,
        "profiles_done": run.profiles_done,
        "profiles_total": run.profiles_total,
        "result": run.result,
        "lease_until": None if is_last else now + LEASE,
        "error": "",
    }
    if is_last:
        changes |= {"state": DryRun.State.DONE, "finished_at": now}
    stored = _held(run).update(**changes)
    run.lease_until = changes["lease_until"]
    return bool(stored) and not is_last


def _held(run: DryRun) -> QuerySet[DryRun]:
    """The row, while this worker holds it: not after a cancel, nor when a slow worker was overtaken by another."""
    return DryRun.objects.filter(pk=run.pk, state=DryRun.State.RUNNING, lease_until=run.lease_until)


def _hand_over(run: DryRun) -> None:
    """Let go of a run that made progress, to be claimed again at once."""
    _held(run).update(lease_until=None, attempts=0)
    enqueue(dry_run_task)


def _note_failure(run: DryRun, error: str) -> None:
    if run.attempts >= MAX_ATTEMPTS:
        _fail(run, error)
        return
    wait = timedelta(seconds=2**run.attempts)
    _held(run).update(error=error, lease_until=timezone.now() + wait)


def _fail(run: DryRun, error: str) -> None:
    DryRun.objects.filter(pk=run.pk, state__in=OPEN).update(
        state=DryRun.State.FAILED, error=error, finished_at=timezone.now(), lease_until=None, result=None
    )


def get_run(space: Space, public_id: str) -> DryRun | None:
    return (
        DryRun.objects.filter(space=space, public_id=public_id)
        .select_related("version", "version__journey", "created_by")
        .first()
    )


def runs_of(version: JourneyVersion) -> list[DryRun]:
    """The kept dry runs of a version, newest first, without their results."""
    return list(version.dry_runs.defer("result", "definition").select_related("created_by").order_by("-pk"))
