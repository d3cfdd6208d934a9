"""Runs of predictive traits: train where that is due, then score everybody in slices of profiles.

A run is a row with a lease. Each slice commits its values, the calls they cause and the new position together; a
trained model is kept as soon as it is there. So a killed worker loses the training or the slice it was at, and the
next one goes on from there. All slices of a run score the history as of the same instant.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from audiences.models import ComputeStatus
from audiences.services import runs
from audiences.services.locks import lock_space
from common.errors import ProductError
from common.locks import LockClass
from common.models import SlicedRun
from common.tasks import enqueue
from engine.traits.prediction_features import from_json
from engine.traits.prediction_scores import PERCENTILES, percentile_value, probability_value
from engine.traits.predictions import KIND, ORIGIN, PredictionTrait
from profiles.models import USERS
from traits.models import PredictionModel, PredictionRun, Trait
from traits.predict_compiler import People
from traits.services.definitions import parsed
from traits.services.origins import Origin, add_origin
from traits.services.predict_data import read_table, sample
from traits.services.predict_storing import DamagedModelError, unpacked
from traits.services.predict_training import LearningError, NotInstalledError, StoppedError, missing, train
from traits.services.values import finish, write_values
from traits.tasks import first_syncs, predict

logger = logging.getLogger(__name__)

State = SlicedRun.State
SLICE_PROFILES = 5_000
SCORED_EVERY = timedelta(days=1)
TRAINED_EVERY = timedelta(days=7)
KEPT_RUNS = 60


def start(trait: Trait) -> None:
    """Score everybody anew; train first where no model is there or the newest is older than a week."""
    open_run(trait, trains=is_training_due(trait, timezone.now()))


def start_training(trait: Trait) -> None:
    """Train a new model and score everybody by it."""
    open_run(trait, trains=True)


def open_run(trait: Trait, *, trains: bool, is_scheduled: bool = False) -> PredictionRun:
    cancel(trait)
    run = PredictionRun.objects.create(
        space=trait.space, trait=trait, revision=trait.revision, trains=trains, is_scheduled=is_scheduled
    )
    enqueue(predict)
    return run


def cancel(trait: Trait) -> int:
    return runs.cancel_open(PredictionRun.objects.filter(trait=trait))


def current_run(trait: Trait) -> PredictionRun | None:
    return PredictionRun.objects.filter(trait=trait, state__in=runs.OPEN).order_by("-id").first()


def newest_model(trait: Trait) -> PredictionModel | None:
    """The model in use: the newest one of the trait's definition as it is now."""
    return PredictionModel.objects.filter(trait=trait, revision=trait.revision).order_by("-id").first()


def is_training_due(trait: Trait, now: datetime) -> bool:
    model = newest_model(trait)
    return model is None or model.trained_at <= now - TRAINED_EVERY


def open_due(now: datetime) -> int:
    """Open the daily run of every enabled predictive trait whose last one ended a day ago. Returns how many."""
    opened = 0
    wanted = Trait.objects.live().filter(kind=KIND, is_enabled=True)
    recent = PredictionRun.objects.filter(state__in=runs.OPEN) | PredictionRun.objects.filter(
        finished_at__gt=now - SCORED_EVERY
    )
    for trait_id in wanted.exclude(pk__in=recent.values("trait_id")).values_list("pk", flat=True):
        with transaction.atomic():
            trait = wanted.select_for_update(of=("self",), skip_locked=True).select_related("space").filter(pk=trait_id)
            locked = trait.first()
            if locked is not None and not recent.filter(trait_id=trait_id).exists():
                open_run(locked, trains=is_training_due(locked, now), is_scheduled=True)
                opened += 1
    return opened


def claim_run() -> PredictionRun | None:
    """Take the oldest open run that nobody works on, while fewer than ENGAGE_PREDICTION_RUNS are worked on.

    Learning needs memory: many predictions created at once must not all learn at once.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [LockClass.PREDICTION_RUNS])
        busy = PredictionRun.objects.filter(state=State.RUNNING, lease_until__gt=timezone.now()).count()
        if busy >= settings.ENGAGE_PREDICTION_RUNS:
            return None
        run = runs.claim_oldest(PredictionRun, _begin)
        if run is not None:
            waiting = Trait.objects.filter(pk=run.trait_id, revision=run.revision, is_enabled=True)
            if run.is_scheduled:
                waiting = waiting.exclude(status=ComputeStatus.LIVE)
            waiting.update(status=ComputeStatus.COMPUTING)
    return run


def _begin(run: PredictionRun) -> None:
    run.as_of = timezone.now()
    runs.measure(run, space_id=run.space_id, collection=USERS)


def work(run: PredictionRun, *, slice_profiles: int = SLICE_PROFILES, deadline: float | None = None) -> None:
    """Carry a claimed run to its end, or to the deadline (of the monotonic clock), after which it is claimed again.

    Database errors and failed learning are tried again by a later claim, up to five times in all; what is too thin to
    learn from, or not installed, ends the run with its sentence.
    """
    try:
        scoring = _prepared(run)
        while scoring.slice(slice_profiles):
            if deadline is not None and time.monotonic() > deadline:
                _hand_over(run)
                return
    except StoppedError:
        logger.info("run %s of a prediction was stopped", run.pk)
    except (DatabaseError, LearningError) as error:
        logger.exception("run %s of a prediction failed in attempt %s", run.pk, run.attempts)
        _note_failure(run, str(error).splitlines()[0][:500])
    except (ProductError, DamagedModelError) as error:
        _end_with(run, str(error))
    except Exception as error:
        logger.exception("run %s of a prediction failed in attempt %s", run.pk, run.attempts)
        _note_failure(run, f"Unexpected {type(error).__name__}: the log of the worker says more.")


def _hand_over(run: PredictionRun) -> None:
    # It got on: the attempts are those at one and the same place.
    PredictionRun.objects.filter(pk=run.pk, state=State.RUNNING).update(lease_until=None, attempts=0)


def _note_failure(run: PredictionRun, error: str) -> None:
    with transaction.atomic():
        if runs.note_failure(run, error):
            _tell_trait(run, error)


def _end_with(run: PredictionRun, error: str) -> None:
    """The run cannot be done. Values stay as they are; the trait says why."""
    with transaction.atomic():
        ended = PredictionRun.objects.filter(pk=run.pk, state=State.RUNNING).update(
            state=State.FAILED, error=error, finished_at=timezone.now(), lease_until=None
        )
        if ended:
            _tell_trait(run, error)


def _tell_trait(run: PredictionRun, error: str) -> None:
    trait = Trait.objects.filter(pk=run.trait_id, revision=run.revision).first()
    if trait is not None:
        finish(trait=trait, now=timezone.now(), error=error)


def _prepared(run: PredictionRun) -> Scoring:
    """A model for the run: a trained one, or the one in use. Where training is refused, the one in use goes on."""
    run.trait = Trait.objects.select_related("space").get(pk=run.trait_id)
    if run.model_id is None:
        model = newest_model(run.trait)
        if run.trains or model is None:
            try:
                model = train(run, is_wanted=lambda: _keep(run))
            except NotInstalledError:
                raise
            except ProductError as error:
                if model is None or isinstance(error, LearningError):
                    raise
                run.note = f"The model was not trained again: {error.detail}"
        run.model, run.phase = model, PredictionRun.Phase.SCORING
        _store(run, "model", "phase", "note")
    elif sentence := missing():
        raise NotInstalledError(sentence)
    return Scoring(run)


def _keep(run: PredictionRun) -> bool:
    """Renew the lease; False when the run is not wanted any more."""
    return bool(
        PredictionRun.objects.filter(pk=run.pk, state=State.RUNNING).update(lease_until=timezone.now() + runs.LEASE)
    )


def _store(run: PredictionRun, *fields: str) -> None:
    """Keep these fields, unless the run was cancelled meanwhile."""
    values = {name: getattr(run, name) for name in fields}
    if not PredictionRun.objects.filter(pk=run.pk, state=State.RUNNING).update(**values):
        raise StoppedError


class Scoring:
    """Gives everybody their value by the run's model."""

    def __init__(self, run: PredictionRun) -> None:
        model = run.model
        if model is None:
            raise StoppedError
        from traits.services.predict_scoring import Scorer  # noqa: PLC0415 - the product starts without numpy

        self.run = run
        self.definition: PredictionTrait = parsed(run.trait)
        self.vocabulary = from_json(model.vocabulary)
        self.scorer = Scorer(unpacked(bytes(model.body), model.digest))

    def _scored(self, people: People) -> tuple[list[int], list[float]]:
        """Row ids of the people who qualify, and their probabilities."""
        table = read_table(
            space=self.run.trait.space,
            trait=self.definition,
            people=people,
            vocabulary=self.vocabulary,
            cutoff=self.run.moment,
            received_from=self.run.trait.historical_from,
        )
        return table.ids.tolist(), self.scorer.scores(table.figures).tolist()

    def slice(self, slice_profiles: int) -> bool:
        """Score the next slice. False when the run is over (done, cancelled or outdated)."""
        run = self.run
        if self.definition.score == "percentile" and run.cuts is None:
            run.cuts = self._cuts()
            _store(run, "cuts")
        upper, count = runs.next_slice(run, space_id=run.space_id, collection=USERS, size=slice_profiles)
        people = People(first=run.next_profile_id + 1, last=upper)
        ids, probabilities = self._scored(people) if count else ([], [])
        with transaction.atomic():
            lock_space(run.space_id)
            # The trait before the run, as those do who change the trait.
            trait = Trait.objects.select_for_update(of=("self",)).select_related("space").get(pk=run.trait_id)
            stored_run = PredictionRun.objects.select_for_update(of=("self",)).get(pk=run.pk)
            if stored_run.state != State.RUNNING or trait.revision != run.revision or not trait.is_enabled:
                return False
            stored = _stored(trait, people)
            values: dict[int, Any] = dict.fromkeys(stored)
            for profile_id, probability in zip(ids, probabilities, strict=True):
                values[profile_id] = self._value(probability, stored.get(profile_id))
            now = timezone.now()
            run.changed += write_values(trait=trait, values=values, now=now)
            run.scored += len(ids)
            is_last = runs.advance(run, upper=upper, count=count)
            if is_last:
                finish(trait=trait, now=now)
                _forget_old(trait)
                enqueue(first_syncs)
        return not is_last

    def _value(self, probability: float, stored: Any) -> Any:
        if self.definition.score == "percentile":
            return percentile_value(probability, self.run.cuts or (), stored)
        return probability_value(probability, stored)

    def _cuts(self) -> list[float]:
        """The inner bounds of percentiles, of everybody who qualifies or a sample of them."""
        import numpy as np  # noqa: PLC0415 - the product starts without it

        _, probabilities = self._scored(sample(self.run.trait.space))
        if not probabilities:
            return []
        shares = [place / PERCENTILES for place in range(1, PERCENTILES)]
        return [float(cut) for cut in np.quantile(probabilities, shares)]


def _stored(trait: Trait, people: People) -> dict[int, Any]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT profile_id, value::text::float8 FROM trait_value WHERE space_id = %s AND trait_id = %s "
            "AND profile_id BETWEEN %s AND %s AND jsonb_typeof(value) = 'number'",
            [trait.space_id, trait.pk, people.first, people.last],
        )
        return dict(cursor.fetchall())


def _forget_old(trait: Trait) -> None:
    ended = PredictionRun.objects.filter(trait=trait).exclude(state__in=runs.OPEN).order_by("-id")
    PredictionRun.objects.filter(pk__in=list(ended.values_list("pk", flat=True)[KEPT_RUNS:])).delete()


def offer() -> None:
    """Called once, when the app is ready."""
    add_origin(
        Origin(
            name=ORIGIN,
            start=start,
            cancel=cancel,
            open_run=current_run,
            mode="Daily",
            mode_detail="Every day: everybody is scored anew, and once a week a new model is trained",
            tabs=(("traits:prediction", "Training report"),),
        )
    )
