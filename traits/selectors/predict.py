"""What pages and the API show of a prediction: whether it can be learned, the report of its model, its runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.utils import OperationalError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from common.errors import FieldError, InvalidError
from engine.traits import PredictionTrait, describe
from engine.traits.prediction_scores import grade
from spaces.models import Space
from traits.models import PredictionModel, PredictionRun, Trait
from traits.selectors.preview import PREVIEW_SECONDS, PreviewError
from traits.services.definitions import checked, parsed
from traits.services.predict_data import Window, readiness
from traits.services.predict_runs import SCORED_EVERY, TRAINED_EVERY, current_run, newest_model
from traits.services.predict_training import missing

MOST_MODELS = 12
DIRECTIONS = {"likelier": "more: likelier", "less_likely": "more: less likely", "mixed": "neither more nor less alone"}
MODELS = {"logistic": "Logistic regression", "boosting": "Gradient boosting"}


@dataclass(frozen=True, kw_only=True)
class ReadinessReport:
    """Whether a definition can be learned now; `problems` are the sentences of why not."""

    sentence: str
    days: int
    history_days: int
    people: int
    train: Window
    test: Window
    is_sampled: bool
    problems: list[str]

    @property
    def is_ready(self) -> bool:
        return not self.problems


def readiness_report(
    *, space: Space, definition: Any, trait: Trait | None = None, received_from: datetime | None = None
) -> ReadinessReport:
    """Look at the history for a definition that need not be saved.

    Raises TraitDefinitionError with all problems, InvalidError for another kind, PreviewError when the database takes
    over PREVIEW_SECONDS.
    """
    found = checked(space=space, definition=definition, trait=trait)
    if not isinstance(found, PredictionTrait):
        detail = "Only predictions learn from history; choose the kind prediction."
        raise InvalidError(detail, [FieldError(path="/definition/kind", code="not_a_prediction", detail=detail)])
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(PREVIEW_SECONDS * 1000)])
            ready = readiness(space=space, trait=found, now=timezone.now(), received_from=received_from)
    except OperationalError as error:
        if "statement timeout" not in str(error):
            raise
        detail = f"Looking at the history took longer than {PREVIEW_SECONDS} seconds. Training has no such limit."
        raise PreviewError(detail) from error
    absent = missing()
    return ReadinessReport(
        sentence=describe(found),
        days=found.days,
        history_days=ready.days,
        people=ready.people,
        train=ready.train,
        test=ready.test,
        is_sampled=ready.is_sampled,
        problems=[*([absent] if absent else []), *ready.problems],
    )


@dataclass(frozen=True, kw_only=True)
class Decile:
    """A tenth of the people of the test, by their score: predicted and real share of those who did it."""

    number: int
    people: int
    low: float
    high: float
    predicted: float
    happened: float
    lift: float


@dataclass(frozen=True, kw_only=True)
class Topic:
    """What scores rest on; `percent` of the strongest one."""

    words: str
    drop: float
    percent: int
    more: str

    @property
    def direction(self) -> str:
        return DIRECTIONS[self.more]


@dataclass(frozen=True, kw_only=True)
class TrainingReport:
    """A model's report as people read it. Shares and areas are from 0 to 1."""

    trained_at: datetime
    seconds: float
    is_current: bool
    model: str
    model_label: str
    scikit_learn: str
    word: str
    verdict: str
    auc: float
    auc_low: float
    auc_high: float
    log_loss: float
    log_loss_base: float
    brier: float
    brier_base: float
    lift: float
    captured: float
    deciles: list[Decile]
    topics: list[Topic]
    train_rows: int
    train_did: int
    train_cutoffs: list[datetime]
    test_rows: int
    test_did: int
    test_cutoff: datetime
    test_until: datetime
    people: int
    is_sampled: bool
    features: int
    horizon_days: int

    @property
    def base(self) -> float:
        """The share of the people of the test who did it."""
        return self.test_did / self.test_rows


def training_report(model: PredictionModel, *, is_current: bool) -> TrainingReport:
    report = model.report
    train, test = report["train"], report["test"]
    base = test["did"] / test["rows"]
    strongest = max((topic["drop"] for topic in report["topics"]), default=1.0)
    # What may well be chance is called so, however high the figure.
    word, verdict = grade(report["auc"] if report["auc_low"] > 0.5 else 0.0)
    return TrainingReport(
        trained_at=model.trained_at,
        seconds=model.seconds,
        is_current=is_current,
        model=report["model"],
        model_label=MODELS[report["model"]],
        scikit_learn=report["scikit_learn"],
        word=word,
        verdict=verdict,
        deciles=[
            Decile(number=number, lift=decile["happened"] / base, **decile)
            for number, decile in enumerate(report["deciles"], start=1)
        ],
        topics=[
            Topic(
                words=topic["words"],
                drop=topic["drop"],
                percent=round(100 * topic["drop"] / strongest),
                more=topic["more"],
            )
            for topic in report["topics"]
        ],
        train_rows=train["rows"],
        train_did=train["did"],
        train_cutoffs=[_moment(text) for text in train["cutoffs"]],
        test_rows=test["rows"],
        test_did=test["did"],
        test_cutoff=_moment(test["cutoff"]),
        test_until=_moment(test["until"]),
        **{name: report[name] for name in _AS_STORED},
    )


_AS_STORED = ("auc", "auc_low", "auc_high", "log_loss", "log_loss_base", "brier", "brier_base", "lift", "captured",
              "people", "is_sampled", "features", "horizon_days")  # fmt: skip


def _moment(text: str) -> datetime:
    found = parse_datetime(text)
    if found is None:
        raise ValueError(f"{text!r} is no instant")
    return found


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A predictive trait with what is known of its model and its runs. `report` is of the model in use, else None.

    `earlier` are the reports of former models, newest first. `run` is open, `last_run` the last that ended.
    """

    trait: Trait
    sentence: str
    report: TrainingReport | None
    earlier: list[TrainingReport]
    run: PredictionRun | None
    last_run: PredictionRun | None
    next_scoring_at: datetime | None
    next_training_at: datetime | None
    missing: str


def prediction(trait: Trait) -> Prediction:
    current = newest_model(trait)
    models = PredictionModel.objects.filter(trait=trait).defer("body").order_by("-id")[:MOST_MODELS]
    last = PredictionRun.objects.filter(trait=trait, finished_at__isnull=False).order_by("-finished_at").first()
    scoring = last.finished_at + SCORED_EVERY if trait.is_enabled and last and last.finished_at else None
    training = max(current.trained_at + TRAINED_EVERY, scoring) if current and scoring else scoring
    return Prediction(
        trait=trait,
        sentence=describe(parsed(trait)),
        report=training_report(current, is_current=True) if current else None,
        earlier=[
            training_report(model, is_current=False) for model in models if current is None or model.pk != current.pk
        ],
        run=current_run(trait),
        last_run=last,
        next_scoring_at=scoring,
        next_training_at=training,
        missing=missing(),
    )
