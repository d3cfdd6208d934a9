"""Full computations in slices of profiles: first computation, edits, enabling again, and when a person asks.

Progress is a row. Each slice commits its values, the calls they cause and the new position together, so a killed worker
loses at most the slice it was in and the next one goes on from there.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.db import DatabaseError, transaction
from django.utils import timezone

from audiences.compiler import IdRange
from audiences.models import ComputeStatus
from audiences.services import runs
from audiences.services.compute import compute_block
from audiences.services.locks import lock_space
from common.tasks import enqueue
from traits.models import Trait, TraitRun
from traits.services.compute import evaluate, evaluated_traits, settle, spread
from traits.services.definitions import Compiled, compiled
from traits.services.observing import observe
from traits.tasks import backfill, first_syncs

logger = logging.getLogger(__name__)

# A slice writes the rows of its profiles, which calls that identify them wait for.
SLICE_PROFILES = 10_000
# Under a steady stream of events the queue never empties: a slice waits for this much of it.
CATCH_UP_BLOCKS = 10


def start_run(trait: Trait) -> None:
    """Queue a full computation of the current revision; an older one that is not finished is cancelled."""
    runs.cancel_open(TraitRun.objects.filter(trait=trait))
    TraitRun.objects.create(space=trait.space, trait=trait, revision=trait.revision)
    enqueue(backfill)


def claim_run() -> TraitRun | None:
    """Take the oldest open run that nobody works on."""
    with transaction.atomic():
        run = runs.claim_oldest(TraitRun, _begin)
        if run is not None:
            Trait.objects.filter(pk=run.trait_id, revision=run.revision, is_enabled=True).update(
                status=ComputeStatus.COMPUTING
            )
    return run


def _begin(run: TraitRun) -> None:
    runs.measure(run, space_id=run.space_id, collection=run.trait.collection)


def work(run: TraitRun, *, slice_profiles: int = SLICE_PROFILES) -> None:
    """Carry a claimed run to its end. A database error is retried by a later claim, up to five in all."""
    try:
        _catch_up(run)
        while _slice(run, slice_profiles):
            _catch_up(run)
    except DatabaseError as error:
        logger.exception("run %s of a trait failed in attempt %s", run.pk, run.attempts)
        _note_failure(run, str(error).splitlines()[0][:500])


def _catch_up(run: TraitRun) -> None:
    """Let what already happened be evaluated first, so that a slice does not make people wait."""
    for _ in range(CATCH_UP_BLOCKS):
        if not compute_block(space=run.space):
            return


def _slice(run: TraitRun, slice_profiles: int) -> bool:
    """Compute the next slice. False when the run is over (done, cancelled or outdated)."""
    with transaction.atomic():
        lock_space(run.space_id)
        run.refresh_from_db()
        trait = Trait.objects.select_related("space").get(pk=run.trait_id)
        if run.state != TraitRun.State.RUNNING or trait.revision != run.revision or not trait.is_enabled:
            return False
        upper, count = runs.next_slice(run, space_id=run.space_id, collection=trait.collection, size=slice_profiles)
        own = compiled([trait])
        if count and own:
            _compute(trait, own, IdRange(first=run.next_profile_id + 1, last=upper))
        is_last = runs.advance(run, upper=upper, count=count)
        if is_last:
            now = timezone.now()
            Trait.objects.filter(pk=trait.pk).update(status=ComputeStatus.LIVE, status_detail="", last_computed_at=now)
            observe(trait, now=now)
            enqueue(first_syncs)
        return not is_last


def _compute(trait: Trait, own: Sequence[Compiled], scope: IdRange) -> None:
    now = timezone.now()
    changes = evaluate(space=trait.space, traits=own, scope=scope, now=now)
    everyone = evaluated_traits(trait.space)
    spread(space=trait.space, changed=settle(space=trait.space, traits=everyone, changes=changes, now=now), now=now)


def _note_failure(run: TraitRun, error: str) -> None:
    with transaction.atomic():
        if runs.note_failure(run, error):
            Trait.objects.filter(pk=run.trait_id, revision=run.revision).update(
                status=ComputeStatus.FAILED, status_detail=error
            )
