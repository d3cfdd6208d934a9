"""How a profile got its score: the figures of its history that the model looks at, and what the model makes of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import connection

from audiences.selectors.explaining import plain
from audiences.services import runs
from common.models import SlicedRun
from engine.traits.prediction_features import Feature, from_json
from engine.traits.prediction_scores import percentile_value, probability_value
from engine.traits.predictions import PredictionTrait
from profiles.models import Profile
from traits.models import PredictionRun, Trait
from traits.predict_compiler import People, features_query
from traits.selectors.predict import DIRECTIONS, prediction
from traits.services.definitions import parsed
from traits.services.predict_data import features
from traits.services.predict_storing import DamagedModelError, unpacked
from traits.services.predict_training import missing

NOT_SCORED = "Nobody has been scored yet: the first model is being trained, or could not be."
NOT_ASKED = "The profile has no event yet, or is not one of the people whom the trait looks at, so it has no score."


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number of a history; `value` None: it never happened."""

    label: str
    value: float | None

    @property
    def text(self) -> str:
        return "never" if self.value is None else f"{self.value:,.1f}".removesuffix(".0")


@dataclass(frozen=True, kw_only=True)
class TopicFigures:
    """Figures that say the same to people. `direction` is what more of it means over everybody; "" where the report of
    the model does not name it among those that matter."""

    words: str
    figures: list[Figure]
    direction: str = ""
    percent: int = 0


@dataclass(frozen=True, kw_only=True)
class ExplainedScore:
    """`probability` is what the model says of the figures as of `as_of`; `value` is what is made of it.

    `topics` are in the order in which they matter over everybody. `trained_at` is when the model was trained.
    """

    found: str
    value: Any
    probability: float | None
    run_id: int | None
    as_of: datetime | None
    trained_at: datetime | None
    auc: float | None
    quality: str
    is_percentile: bool
    topics: list[TopicFigures]
    next_run_at: datetime | None
    caveat: str

    def as_json(self) -> dict[str, Any]:
        return {
            "found": self.found,
            "probability": self.probability,
            "run": self.run_id,
            "as_of": self.as_of,
            "trained_at": self.trained_at,
            "auc": self.auc,
            "figures": [
                {
                    "topic": topic.words,
                    "more": topic.direction,
                    "figures": [{"label": figure.label, "value": figure.value} for figure in topic.figures],
                }
                for topic in self.topics
            ],
        }


def explain_score(*, trait: Trait, profile: Profile, stored: Any, since: datetime | None) -> ExplainedScore:
    """The score as the last run that ended, or the one that wrote the value, made it."""
    definition: PredictionTrait = parsed(trait)
    report = prediction(trait)
    run = _run(trait, since)
    nothing = ExplainedScore(
        found=NOT_SCORED,
        value=plain(stored),
        probability=None,
        run_id=None,
        as_of=None,
        trained_at=None,
        auc=None,
        quality="",
        is_percentile=definition.score == "percentile",
        topics=[],
        next_run_at=report.next_scoring_at,
        caveat="",
    )
    model = run.model if run is not None else None
    if run is None or model is None:
        return nothing
    vocabulary = from_json(model.vocabulary)
    wanted = features(definition, vocabulary)
    row = _figures(trait, definition, profile, run, wanted)
    known = replace(
        nothing,
        run_id=run.pk,
        as_of=run.moment,
        trained_at=model.trained_at,
        auc=model.report["auc"],
        quality=report.report.verdict if report.report else "",
    )
    if row is None:
        is_open = report.run is not None
        return replace(known, found=NOT_ASKED, value=None, caveat=_behind(None, stored, is_open=is_open))
    topics = _topics(wanted, row, model.report["topics"])
    if absent := missing():
        return replace(known, found="", topics=topics, caveat=absent)
    if not model.body:
        return replace(known, found="", topics=topics, caveat="The numbers of that model are not kept any more.")
    try:
        probability = _probability(bytes(model.body), model.digest, row)
    except DamagedModelError as error:
        return replace(known, found="", topics=topics, caveat=str(error))
    value = _value(definition, probability, run, stored)
    return replace(
        known,
        found=f"The model says {100 * probability:.1f} % for these figures",
        value=value,
        probability=probability,
        topics=topics,
        caveat=_behind(value, stored, is_open=report.run is not None),
    )


def _run(trait: Trait, since: datetime | None) -> PredictionRun | None:
    """The run that says what the value is now: the last that scored everybody, else one that has got so far."""
    found = PredictionRun.objects.filter(trait=trait, revision=trait.revision, model__isnull=False)
    found = found.select_related("model")
    done = found.filter(state=SlicedRun.State.DONE).order_by("-id").first()
    under_way = found.filter(state__in=runs.OPEN).order_by("-id").first()
    if under_way is not None and since is not None and since >= under_way.created_at:
        return under_way
    return done


def _figures(
    trait: Trait, definition: PredictionTrait, profile: Profile, run: PredictionRun, wanted: Sequence[Feature]
) -> list[float] | None:
    """The figures as of the run; None when the profile is not scored."""
    model = run.model
    if model is None:
        return None
    query = features_query(
        space_id=trait.space_id,
        trait=definition,
        people=People(first=profile.id, last=profile.id),
        vocabulary=from_json(model.vocabulary),
        features=wanted,
        cutoff=run.moment,
        received_from=trait.historical_from,
    )
    with connection.cursor() as cursor:
        cursor.execute(query.sql, query.params)
        row = cursor.fetchone()
    return None if row is None else [float(figure) for figure in row[2:]]


def _probability(body: bytes, digest: str, row: Sequence[float]) -> float:
    import numpy as np  # noqa: PLC0415 - the product starts without it

    from traits.services.predict_scoring import Scorer  # noqa: PLC0415 - needs numpy

    figures = np.asarray([row], dtype=np.float32)
    return float(Scorer(unpacked(body, digest)).scores(figures)[0])


def _value(definition: PredictionTrait, probability: float, run: PredictionRun, stored: Any) -> Any:
    stored = plain(stored)
    if definition.score == "percentile":
        return percentile_value(probability, run.cuts or (), stored)
    return probability_value(probability, stored)


def _behind(value: Any, stored: Any, *, is_open: bool) -> str:
    if value == plain(stored):
        return ""
    if is_open:
        return "What is stored differs for the moment: everybody is being scored."
    return (
        "What is stored differs: events of before the scoring came in after it, or the profile was merged. The next "
        "scoring looks at them."
    )


def _topics(wanted: Sequence[Feature], row: Sequence[float], reported: Sequence[dict[str, Any]]) -> list[TopicFigures]:
    """The figures by topic, those first that the report says matter most."""
    matter = {topic["words"]: topic for topic in reported}
    strongest = max((topic["drop"] for topic in reported), default=0.0) or 1.0
    found: dict[str, list[Figure]] = {}
    for feature, value in zip(wanted, row, strict=True):
        figure = Figure(label=_label(feature), value=None if math.isnan(value) else round(value, 4))
        found.setdefault(feature.topic, []).append(figure)
    topics = [
        TopicFigures(
            words=words,
            figures=figures,
            direction=DIRECTIONS[matter[words]["more"]] if words in matter else "",
            percent=max(0, round(100 * matter[words]["drop"] / strongest)) if words in matter else 0,
        )
        for words, figures in found.items()
    ]
    return sorted(topics, key=lambda topic: -topic.percent)


def _label(feature: Feature) -> str:
    """The figure within its topic; "" where the topic says it all."""
    when = "ever" if feature.days is None else f"in {feature.days} days"
    match feature.measure:
        case "count" | "active":
            return when
        case "sum":
            return f"sum {when}"
        case "mean":
            return f"average {when}"
    return ""
