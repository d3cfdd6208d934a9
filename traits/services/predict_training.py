"""Training a model for a run: is there enough, read the figures, learn in a process of its own, keep the result."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings
from django.utils import timezone

from common.errors import ProductError
from engine.traits.prediction_features import as_json, topics_of
from engine.traits.predictions import PredictionTrait
from traits.models import PredictionModel, PredictionRun, Trait
from traits.services.definitions import parsed
from traits.services.predict_child import missing_sentence
from traits.services.predict_data import (
    Readiness,
    Table,
    ThinHistoryError,
    cutoffs_of,
    features,
    read_table,
    read_vocabulary,
    readiness,
    refuse_thin,
    sample,
)
from traits.services.predict_storing import packed

logger = logging.getLogger(__name__)

NEEDED = ("numpy", "sklearn")
# One thread: learning is nobody's hurry, and the machine serves people meanwhile.
THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
LONGEST_SECONDS = 1_800
LOOK_SECONDS = 5
OLDEST_FOLDER_SECONDS = 24 * 3_600
FEWEST_OF_SAMPLE = 50
KEPT_MODELS = 12


class LearningError(ProductError):
    """The process that learns did not come to a result; worth another try."""

    code: ClassVar[str] = "learning_failed"


class NotInstalledError(ProductError):
    """scikit-learn is not there; the sentence says what to install."""

    code: ClassVar[str] = "scikit_learn_missing"


class StoppedError(Exception):
    """The run was cancelled or replaced while its model was learning."""


def missing() -> str:
    """The sentence that says what to install, "" when everything is there."""
    absent = next((name for name in NEEDED if importlib.util.find_spec(name) is None), "")
    return missing_sentence(absent) if absent else ""


def train(run: PredictionRun, *, is_wanted: Callable[[], bool]) -> PredictionModel:
    """Learn from the history as of the run's instant. Nothing is stored unless a model comes out.

    `is_wanted` is asked every few seconds: it keeps the lease, and False ends the learning with StoppedError. Raises
    NotInstalledError, ThinHistoryError, LearningError.
    """
    if sentence := missing():
        raise NotInstalledError(sentence)
    started = time.monotonic()
    trait = run.trait
    definition: PredictionTrait = parsed(trait)
    found = readiness(space=trait.space, trait=definition, now=run.moment, received_from=trait.historical_from)
    refuse_thin(found)
    return _learned(run, definition, found, started, is_wanted)


def _learned(
    run: PredictionRun, definition: PredictionTrait, found: Readiness, started: float, is_wanted: Callable[[], bool]
) -> PredictionModel:
    trait, now = run.trait, run.moment
    horizon = timedelta(days=definition.days)
    cutoffs = cutoffs_of(now=now, since=found.since or now, days=definition.days)
    people = sample(trait.space)
    given: dict[str, Any] = {"space": trait.space, "trait": definition, "people": people}
    given["received_from"] = trait.historical_from
    vocabulary = read_vocabulary(**given, cutoff=cutoffs[0])
    test = read_table(**given, vocabulary=vocabulary, cutoff=now - horizon)
    tables = [read_table(**given, vocabulary=vocabulary, cutoff=cutoff) for cutoff in cutoffs]
    _refuse_rare(test, tables[0])
    if not is_wanted():
        raise StoppedError
    topics = topics_of(features(definition, vocabulary))
    result = _learn_apart(run, tables, test, topics, is_wanted)
    body, digest = packed(result["model"])
    report = result["report"] | {
        "horizon_days": definition.days,
        "train": {
            "cutoffs": [cutoff.isoformat() for cutoff in cutoffs],
            "until": (cutoffs[0] + horizon).isoformat(),
            "rows": sum(len(table.ids) for table in tables),
            "did": sum(int(table.labels.sum()) for table in tables),
        },
        "test": {
            "cutoff": (now - horizon).isoformat(),
            "until": now.isoformat(),
            "rows": len(test.ids),
            "did": int(test.labels.sum()),
        },
        "people": found.people,
        "is_sampled": found.is_sampled,
        "features": len(features(definition, vocabulary)),
    }
    model = PredictionModel.objects.create(
        space=trait.space,
        trait=trait,
        revision=run.revision,
        trained_at=timezone.now(),
        seconds=round(time.monotonic() - started, 1),
        vocabulary=as_json(vocabulary),
        body=body,
        digest=digest,
        report=report,
    )
    _forget_old(trait)
    return model


def _refuse_rare(*tables: Table) -> None:
    """What is rare among everybody can be missing in a sample."""
    for table in tables:
        did = int(table.labels.sum())
        if min(did, len(table.labels) - did) < FEWEST_OF_SAMPLE:
            raise ThinHistoryError(
                f"Of the {len(table.labels):,} people looked at, {did:,} did it in one of the windows: too few of one "
                "kind to learn from. Choose a longer horizon, a more frequent event, or only people who did it before."
            )


def _forget_old(trait: Trait) -> None:
    """Older reports stay for comparison, without numbers; the oldest go."""
    kept = list(PredictionModel.objects.filter(trait=trait).order_by("-id").values_list("id", flat=True)[:KEPT_MODELS])
    PredictionModel.objects.filter(trait=trait).exclude(id__in=kept).delete()
    # The one before goes on where a run still uses it.
    PredictionModel.objects.filter(trait=trait).exclude(id__in=kept[:2]).update(body=b"")


def _learn_apart(
    run: PredictionRun,
    tables: list[Table],
    test: Table,
    topics: list[tuple[str, list[int]]],
    is_wanted: Callable[[], bool],
) -> dict[str, Any]:
    """The result of `predict_child` in a folder of the run; what killed ones left there is removed."""
    import numpy as np  # noqa: PLC0415 - the product starts without it

    root = Path(settings.ENGAGE_DATA) / "predictions"
    forgotten = time.time() - OLDEST_FOLDER_SECONDS
    for left in root.glob("run-*"):
        if left.name.startswith(f"run-{run.pk}-") or left.stat().st_mtime < forgotten:
            shutil.rmtree(left, ignore_errors=True)
    folder = root / f"run-{run.pk}-{run.attempts}"
    folder.mkdir(parents=True)
    try:
        # The tables are there newest first; cut-offs count up with time, the test's is the last.
        for name, parts, last in (("test.npz", [test], len(tables)), ("train.npz", tables, len(tables) - 1)):
            np.savez(
                folder / name,
                ids=np.concatenate([table.ids for table in parts]),
                labels=np.concatenate([table.labels for table in parts]),
                figures=np.concatenate([table.figures for table in parts]),
                cutoffs=np.concatenate([np.full(len(table.ids), last - back) for back, table in enumerate(parts)]),
            )
        (folder / "topics.json").write_text(json.dumps(topics))
        _wait(folder, is_wanted)
        result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if "error" in result:
        raise NotInstalledError(result["error"])
    return result


def _wait(folder: Path, is_wanted: Callable[[], bool]) -> None:
    environment = os.environ | THREADS | {"PYTHONPATH": str(settings.BASE_DIR)}
    with (folder / "errors.txt").open("wb") as errors:
        child = subprocess.Popen(
            [sys.executable, "-m", "traits.services.predict_child", str(folder)],
            cwd=settings.BASE_DIR,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        until = time.monotonic() + LONGEST_SECONDS
        try:
            while child.poll() is None:
                try:
                    child.wait(LOOK_SECONDS)
                except subprocess.TimeoutExpired:
                    if time.monotonic() > until:
                        raise LearningError(f"Learning took over {LONGEST_SECONDS // 60} minutes.") from None
                    if not is_wanted():
                        raise StoppedError from None
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
    if child.returncode:
        text = (folder / "errors.txt").read_text(errors="replace").strip()
        logger.error("the process that learns ended with %s: %s", child.returncode, text[-2_000:])
        last = text.splitlines()[-1] if text else "it was ended by the system, which may be short of memory"
        raise LearningError(f"Learning failed: {last[:300]}")
