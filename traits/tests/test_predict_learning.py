"""Learning and scoring apart from the database: the numbers that are stored score as scikit-learn does."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from django.conf import settings
from threadpoolctl import threadpool_limits

from traits.services import predict_learning
from traits.services.predict_child import main
from traits.services.predict_learning import (
    BOOSTING,
    LOGISTIC,
    Samples,
    calibration,
    interval,
    learn,
    measures,
)
from traits.services.predict_scoring import Scorer, logit, sigmoid
from traits.services.predict_storing import DamagedModelError, packed, unpacked


@pytest.fixture(autouse=True)
def _one_thread():
    """As in the process in which models learn; threads of several test runs would wait for each other."""
    with threadpool_limits(limits=1):
        yield


TOPICS = [("first", [0, 1]), ("second", [2])]


def samples(seed: int, rows: int = 1_000, *, cutoff: int = 0) -> Samples:
    """What counts is whether the first figure is known, and two others together."""
    dice = np.random.default_rng(seed)
    figures = dice.exponential(10, size=(rows, 3)).astype(np.float32)
    figures[dice.random(rows) < 0.5, 0] = np.nan
    odds = np.where(np.isnan(figures[:, 0]), 2.0, -2.0)
    odds = odds + np.where((figures[:, 1] > 7) == (figures[:, 2] > 7), 1.5, -1.5)
    labels = (dice.random(rows) < sigmoid(odds)).astype(np.float32)
    return Samples(np.arange(rows), labels, figures, np.full(rows, cutoff))


@pytest.mark.parametrize("kind", [LOGISTIC, BOOSTING])
def test_stored_numbers_score_as_the_model_does(kind):
    known = samples(1)
    fitted = predict_learning._Fitted(kind, known)
    body, digest = packed(fitted.numbers() | {"slope": 1.0, "offset": 0.0})
    fresh = samples(2).figures

    assert np.allclose(Scorer(unpacked(body, digest)).scores(fresh), fitted.probabilities(fresh), atol=1e-6)


def test_a_model_is_chosen_learned_and_measured_on_other_days():
    model, report = learn(samples(1), samples(2, rows=800, cutoff=1), TOPICS)

    assert model["kind"] == report["model"] == BOOSTING
    assert report["auc"] > 0.85
    assert [topic["words"] for topic in report["topics"]] == ["first", "second"]
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert json.loads(json.dumps(model, allow_nan=False)) == model


def test_figures_that_tell_nothing_give_everybody_the_average():
    train, test = samples(1), samples(2)
    dice = np.random.default_rng(5)
    for each in (train, test):
        each.labels = (dice.random(len(each.labels)) < 0.2).astype(np.float32)
    model, report = learn(train, test, TOPICS)

    scores = Scorer(model).scores(test.figures)
    assert 0.44 < report["auc"] < 0.56
    assert scores.std() < 0.03
    assert abs(scores.mean() - 0.2) < 0.03


def test_scores_follow_the_newest_days():
    """When three times as many do it as before, probabilities are those of now."""
    older, newer, test = samples(1), samples(2, cutoff=1), samples(3, cutoff=2)
    rare = np.random.default_rng(4).random(len(older.labels)) < 0.3
    older.labels = older.labels * rare
    model, report = learn(older.with_(newer), test, TOPICS)

    predicted = sum(decile["predicted"] * decile["people"] for decile in report["deciles"]) / 1_000
    assert abs(predicted - float(test.labels.mean())) < 0.05
    assert model["kind"] == report["model"]


def test_calibration_finds_the_line_that_was_bent():
    dice = np.random.default_rng(0)
    odds = dice.normal(size=20_000)
    labels = (dice.random(20_000) < sigmoid(0.5 * odds - 1)).astype(np.float32)

    slope, offset = calibration(sigmoid(odds), labels)
    assert abs(slope - 0.5) < 0.05
    assert abs(offset + 1) < 0.05
    assert calibration(sigmoid(-odds), labels)[0] == 0.0


def test_measures_are_those_of_the_textbook():
    """Ten people, two of whom did it and have the two highest of ten scores: nothing could be told apart better."""
    labels = np.array([0, 0, 0, 0, 1, 0, 0, 0, 0, 1], dtype=np.float32)
    scores = np.array([0.1, 0.2, 0.15, 0.05, 0.9, 0.3, 0.25, 0.12, 0.11, 0.8])

    found = measures(labels, scores)
    assert found["auc"] == 1.0
    assert (found["lift"], found["captured"]) == (5.0, 0.5)
    assert found["brier"] == pytest.approx(0.0304)
    assert found["brier_base"] == pytest.approx(0.16)
    assert found["deciles"][0] == {"people": 1, "low": 0.9, "high": 0.9, "predicted": 0.9, "happened": 1.0}


def test_the_interval_narrows_with_more_people():
    low, high = interval(0.8, 100, 400)

    assert (round(low, 3), round(high, 3)) == (0.745, 0.855)
    assert interval(0.8, 1_000, 4_000)[0] > low


def test_one_changed_byte_is_noticed():
    body, digest = packed({"kind": "logistic"})

    with pytest.raises(DamagedModelError, match="Press Retrain"):
        unpacked(body + b"x", digest)


def test_odds_of_certain_things_are_finite():
    assert np.isfinite(logit(np.array([0.0, 1.0]))).all()


def test_the_process_answers_with_a_sentence_where_scikit_learn_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["predict_child", str(tmp_path)])
    monkeypatch.setitem(sys.modules, "traits.services.predict_learning", None)
    monkeypatch.setattr("os.nice", lambda _step: 0)
    main()

    result = json.loads((tmp_path / "result.json").read_text())
    assert "pip install -r requirements.txt" in result["error"]


def test_the_product_starts_without_numpy_and_scikit_learn():
    """They are optional: only a run of a prediction asks for them, and says so when they are missing."""
    program = (
        "import sys; sys.modules.update(dict.fromkeys(('numpy', 'sklearn', 'scipy')));"
        "import django; django.setup();"
        "from django.urls import get_resolver; get_resolver().url_patterns;"
        "import traits.tasks, traits.services.predict_runs, traits.selectors.predict, traits.api_urls"
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "engage_admin.settings_test"}
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=settings.BASE_DIR, capture_output=True, check=False
    )

    assert (ran.returncode, ran.stderr.decode()) == (0, "")
