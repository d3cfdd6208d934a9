"""Histories of made-up people for tests of predictions, written by one statement, and runs carried out at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from engine.traits.prediction_features import Vocabulary, as_json
from engine.traits.predictions import PredictionTrait
from profiles.models import Profile
from spaces.models import Space
from tests import factories
from traits.models import PredictionModel, PredictionRun, Trait
from traits.services.definitions import parsed
from traits.services.predict_data import features
from traits.services.predict_runs import claim_run, work
from traits.services.predict_storing import packed
from traits.services.traits import create_trait

DEFINITION = {
    "version": 1,
    "collection": "users",
    "kind": "prediction",
    "event": {"event": "Order Completed"},
    "horizon": {"days": 15},
}

_PEOPLE = """
INSERT INTO profile (space_id, id, collection, segment_id, traits, trait_times, merges, created_at, updated_at)
SELECT %(space)s, nextval('profile_id_seq'), 0, 'use_' || md5(random()::text || n), '{}', '{}', 0, %(now)s, %(now)s
FROM generate_series(1, %(people)s) n RETURNING id
"""
# A number from 0 to 1 that looks like chance and is the same in every run.
_DICE = "(abs(hashtext(%(salt)s || ':' || {seed})) %% 100000 / 100000.0)"
_EVENTS = f"""
INSERT INTO event (space_id, id, profile_id, type, name, ts, received_at, source_id, message_id, properties)
SELECT %(space)s, nextval('event_id_seq'), d.id, 0, d.name, d.ts, d.ts, 0, md5(d.id || d.name || d.ts::text),
       CASE d.name WHEN 'Order Completed' THEN jsonb_build_object('revenue', 10 + d.number %% 90)
       ELSE jsonb_build_object() END
FROM (
    SELECT p.id, p.number, e.name, %(now)s - day.ago * interval '1 day' - p.number %% 1400 * interval '1 minute' AS ts,
           {_DICE.format(seed="p.number || ':' || e.name || ':' || day.ago")} AS dice,
           CASE WHEN e.name = 'Page Viewed' THEN 0.3
                WHEN e.name = 'Product Viewed' THEN
                    CASE WHEN p.number %% 4 = 0 AND {_DICE.format(seed="p.number || ':phase:' || day.ago / 40")} < 0.7
                    THEN 0.4 ELSE 0.03 END
                ELSE {{order_chance}} END AS chance
    FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY p(id, number)
    CROSS JOIN generate_series(0, %(days)s - 1) day(ago)
    CROSS JOIN (VALUES ('Page Viewed'), ('Product Viewed'), ('Order Completed')) e(name)
) d WHERE d.dice < d.chance
"""
# Every fourth person has phases of forty days in which they look at products, and then they order.
TOLD_BY_HISTORY = (
    "CASE WHEN p.number %% 4 = 0 AND " + _DICE.format(seed="p.number || ':phase:' || day.ago / 40") + " < 0.7 "
    "THEN 0.09 ELSE 0.004 END"
)
BY_CHANCE = "0.02"


def make_history(
    *,
    space: Space,
    people: int = 900,
    days: int = 100,
    order_chance: str = TOLD_BY_HISTORY,
    now: datetime | None = None,
    salt: str = "a",
) -> list[int]:
    """People with some months of events; the chance of an order on a day is SQL. Returns their row ids in order."""
    params: dict[str, Any] = {
        "space": space.pk, "now": now or timezone.now(), "people": people, "days": days, "salt": salt,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE, params)
        ids = sorted(row[0] for row in cursor.fetchall())
        cursor.execute(_EVENTS.format(order_chance=order_chance), params | {"ids": ids})
        cursor.execute("ANALYZE event")
    return ids


def make_prediction(*, space: Space, name: str = "Likely to order", **definition: Any) -> Trait:
    return create_trait(space=space, name=name, definition=DEFINITION | definition, created_by=None)


def run_predictions(**options: Any) -> PredictionRun | None:
    """Carry out what is open, as the task does. Returns the last run."""
    last = None
    while run := claim_run():
        work(run, **options)
        last = run
    if last is not None:
        last.refresh_from_db()
    return last


def make_model(trait: Trait, **report: Any) -> PredictionModel:
    """A model as if it had been trained on 900 people: it gives everybody with an order lately a higher score."""
    now = timezone.now()
    definition: PredictionTrait = parsed(trait)
    vocabulary = Vocabulary()
    names = [(each.measure, each.subject) for each in features(definition, vocabulary)]
    weights = [0.0] * len(names)
    weights[names.index(("last", "target"))] = -1.0
    numbers = {
        "kind": "logistic", "means": [0.0] * len(names), "deviations": [1.0] * len(names), "weights": weights,
        "intercept": 2.0, "slope": 1.0, "offset": 0.0,
    }  # fmt: skip
    body, digest = packed(numbers)
    return PredictionModel.objects.create(
        space=trait.space,
        trait=trait,
        revision=trait.revision,
        trained_at=now,
        seconds=12.5,
        vocabulary=as_json(vocabulary),
        body=body,
        digest=digest,
        report={**REPORT, **_WINDOWS, **report},
    )


_WINDOWS = {
    "train": {
        "cutoffs": ["2026-10-23T11:25:31+00:00", "2026-10-08T11:25:31+00:00"],
        "until": "2026-11-07T11:25:31+00:00",
        "rows": 1800,
        "did": 320,
    },
    "test": {"cutoff": "2026-11-07T11:25:31+00:00", "until": "2026-11-22T11:25:31+00:00", "rows": 900, "did": 140},
}
REPORT: dict[str, Any] = {
    "auc": 0.852, "auc_low": 0.811, "auc_high": 0.893, "log_loss": 0.29, "log_loss_base": 0.432, "brier": 0.083,
    "brier_base": 0.131, "lift": 4.6, "captured": 0.46, "model": "logistic", "scikit_learn": "1.9.1", "people": 900,
    "is_sampled": False, "features": 23, "horizon_days": 15,
    "topics": [
        {"words": "Days since the last “Order Completed”", "drop": 0.09, "more": "less_likely"},
        {"words": "Number of events of any kind", "drop": 0.03, "more": "likelier"},
        {"words": "Number of “Page Viewed”", "drop": 0.01, "more": "mixed"},
    ],
    "deciles": [
        {"people": 90, "low": low, "high": low + 0.05, "predicted": low + 0.02, "happened": low + 0.03}
        for low in (0.6, 0.42, 0.18, 0.1, 0.08, 0.07, 0.06, 0.05, 0.03, 0.01)
    ],
}  # fmt: skip


def person_at(space: Space, *, orders_ago: list[float], now: datetime) -> Profile:
    """Somebody who ordered these many days ago."""
    profile = factories.make_profile(space=space)
    for ago in orders_ago:
        ts = now - timedelta(days=ago)
        factories.make_event(profile=profile, name="Order Completed", ts=ts, properties={"revenue": 10})
    return profile
