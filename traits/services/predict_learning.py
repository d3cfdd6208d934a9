"""Learning from figures, in a process of its own: which model, how good it is on days it has not seen, and its numbers.

Imports scikit-learn, so nothing but `predict_child` (and tests) imports this. No Django here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.model_selection import GroupKFold

from traits.services.predict_scoring import Scorer, logit, sigmoid, steadied

Floats = NDArray[Any]
BOOSTING, LOGISTIC = "boosting", "logistic"
FOLDS = 3
DECILES = 10
MOST_PERMUTED = 5_000
PERMUTATIONS = 3
MOST_TOPICS = 8
SMALLEST_DROP = 0.001
STEEPEST = 2.0
FARTHEST = 1e300
_NEARLY = 1e-5


class Samples:
    """Rows of people as of cut-offs: `ids`, `labels` (0 or 1), `figures` (a column for each feature), and `cutoffs`, a
    number for each that grows with time."""

    def __init__(self, ids: Floats, labels: Floats, figures: Floats, cutoffs: Floats) -> None:
        self.ids, self.labels, self.figures, self.cutoffs = ids, labels, figures, cutoffs

    def with_(self, other: Samples) -> Samples:
        return Samples(
            np.concatenate([self.ids, other.ids]),
            np.concatenate([self.labels, other.labels]),
            np.concatenate([self.figures, other.figures]),
            np.concatenate([self.cutoffs, other.cutoffs]),
        )


def learn(train: Samples, test: Samples, topics: list[tuple[str, list[int]]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The numbers of a model (see `predict_scoring.Scorer`) and a report of how good it is.

    The kind of model and its calibration are chosen on `train` alone, by folds of people; the figures of the report are
    of that model on `test`, whose labels lie after everything that it learned from. The numbers handed back are of the
    same kind of model, learned again from both.
    """
    found = {kind: _calibrated(kind, train) for kind in (LOGISTIC, BOOSTING)}
    kind = min(found, key=lambda each: found[each][2])
    fitted, (slope, offset), _ = found[kind]
    raw = fitted.probabilities(test.figures)
    scores = sigmoid(slope * logit(raw) + offset)
    report = measures(test.labels, scores) | {
        "model": kind,
        "scikit_learn": sklearn.__version__,
        "topics": _topics(fitted, slope, test, topics),
    }
    model = _numbers(kind, train.with_(test))
    return model, report


class _Fitted:
    """A model without calibration, and its numbers."""

    def __init__(self, kind: str, samples: Samples) -> None:
        self.kind = kind
        if kind == LOGISTIC:
            plain = steadied(samples.figures)
            self.means, deviations = plain.mean(axis=0), plain.std(axis=0)
            self.deviations = np.where(deviations > 0, deviations, 1.0)
            self.model: Any = LogisticRegression(C=0.1, max_iter=300)
            self.model.fit((plain - self.means) / self.deviations, samples.labels)
        else:
            self.model = HistGradientBoostingClassifier(
                max_iter=100,
                learning_rate=0.08,
                max_leaf_nodes=12,
                min_samples_leaf=40,
                l2_regularization=1.0,
                max_bins=127,
                early_stopping=False,
                random_state=0,
            )
            self.model.fit(samples.figures, samples.labels)

    def probabilities(self, figures: Floats) -> Floats:
        if self.kind == LOGISTIC:
            figures = (steadied(figures) - self.means) / self.deviations
        found: Floats = self.model.predict_proba(figures)[:, 1]
        return found

    def numbers(self) -> dict[str, Any]:
        if self.kind == LOGISTIC:
            return {
                "kind": self.kind,
                "means": self.means.tolist(),
                "deviations": self.deviations.tolist(),
                "weights": self.model.coef_[0].tolist(),
                "intercept": float(self.model.intercept_[0]),
            }
        trees = []
        for (predictor,) in self.model._predictors:
            nodes = predictor.nodes
            trees.append(
                {
                    "feature": nodes["feature_idx"].tolist(),
                    # A split between known and unknown is one at infinity, which JSON has no word for.
                    "threshold": np.clip(nodes["num_threshold"], -FARTHEST, FARTHEST).tolist(),
                    "unknown_left": nodes["missing_go_to_left"].astype(int).tolist(),
                    "left": nodes["left"].tolist(),
                    "right": nodes["right"].tolist(),
                    "is_leaf": nodes["is_leaf"].astype(int).tolist(),
                    "value": nodes["value"].tolist(),
                }
            )
        return {"kind": self.kind, "baseline": float(np.ravel(self.model._baseline_prediction)[0]), "trees": trees}


def _calibrated(kind: str, samples: Samples) -> tuple[_Fitted, tuple[float, float], float]:
    """The model fitted to all samples, its calibration, and the log loss of people it had not seen."""
    folds = GroupKFold(n_splits=FOLDS)
    unseen = np.zeros(len(samples.labels))
    for kept, left_out in folds.split(samples.figures, samples.labels, samples.ids):
        part = Samples(samples.ids[kept], samples.labels[kept], samples.figures[kept], samples.cutoffs[kept])
        unseen[left_out] = _Fitted(kind, part).probabilities(samples.figures[left_out])
    slope, offset = calibration(unseen, samples.labels)
    loss = log_loss(samples.labels, sigmoid(slope * logit(unseen) + offset), labels=[0, 1])
    # How many do it changes with time: the newest days are nearest to those that are predicted.
    newest = samples.cutoffs == samples.cutoffs.max()
    return _Fitted(kind, samples), calibration(unseen[newest], samples.labels[newest]), float(loss)


def calibration(scores: Floats, labels: Floats) -> tuple[float, float]:
    """Slope and offset of the log odds, from scores of people that the model had not seen (Platt).

    A slope of 0: the scores tell nothing, everybody gets the share of those who did it.
    """
    line = LogisticRegression(C=1e6, max_iter=300).fit(logit(scores).reshape(-1, 1), labels)
    slope, offset = float(line.coef_[0][0]), float(line.intercept_[0])
    if slope <= 0:
        share = float(labels.mean())
        return 0.0, math.log(share / (1 - share))
    if slope > STEEPEST:
        offset += float((slope - STEEPEST) * logit(scores).mean())
    return min(slope, STEEPEST), offset


def _numbers(kind: str, samples: Samples) -> dict[str, Any]:
    fitted, (slope, offset), _ = _calibrated(kind, samples)
    numbers = fitted.numbers() | {"slope": slope, "offset": offset}
    few = samples.figures[:2_000]
    ours = Scorer(numbers).scores(few)
    theirs = sigmoid(slope * logit(fitted.probabilities(few)) + offset)
    if not np.allclose(ours, theirs, atol=_NEARLY):
        raise RuntimeError(f"scikit-learn {sklearn.__version__} keeps its trees in another form than was expected")
    return numbers


def measures(labels: Floats, scores: Floats) -> dict[str, Any]:
    """What a report says of scores: see `traits.predict_models.PredictionModel.report`."""
    people, did = len(labels), int(labels.sum())
    share = did / people
    order = np.argsort(-scores, kind="stable")
    # People with equal scores stand in the order of the table: their share of the top is that of chance.
    auc = float(roc_auc_score(labels, scores))
    low, high = interval(auc, did, people - did)
    top = labels[order][: max(1, people // DECILES)]
    parts = [part for part in np.array_split(order, DECILES) if len(part)]
    return {
        "auc": auc,
        "auc_low": low,
        "auc_high": high,
        "log_loss": float(log_loss(labels, scores, labels=[0, 1])),
        "log_loss_base": float(log_loss(labels, np.full(people, share), labels=[0, 1])),
        "brier": float(brier_score_loss(labels, scores)),
        "brier_base": share * (1 - share),
        "lift": float(top.mean() / share),
        "captured": float(top.sum() / did),
        "deciles": [
            {
                "people": len(part),
                "low": float(scores[part].min()),
                "high": float(scores[part].max()),
                "predicted": float(scores[part].mean()),
                "happened": float(labels[part].mean()),
            }
            for part in parts
        ],
    }


def interval(auc: float, did: int, others: int) -> tuple[float, float]:
    """Between what the area lies in 95 of 100 such samples (Hanley and McNeil, 1982)."""
    first, second = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    variance = auc * (1 - auc) + (did - 1) * (first - auc * auc) + (others - 1) * (second - auc * auc)
    margin = 1.96 * math.sqrt(max(0.0, variance) / (did * others))
    return max(0.0, auc - margin), min(1.0, auc + margin)


def _topics(fitted: _Fitted, slope: float, test: Samples, topics: list[tuple[str, list[int]]]) -> list[dict[str, Any]]:
    """What the scores rest on: how much worse people are told apart when a topic's figures are somebody else's."""
    if slope == 0:
        return []
    dice = np.random.default_rng(0)
    chosen = _balanced(test.labels, dice)
    figures, labels = test.figures[chosen], test.labels[chosen]
    scores = fitted.probabilities(figures)
    whole = float(roc_auc_score(labels, scores))
    found: list[dict[str, Any]] = []
    for words, positions in topics:
        drops = []
        for _ in range(PERMUTATIONS):
            mixed = figures.copy()
            mixed[:, positions] = mixed[dice.permutation(len(mixed))][:, positions]
            drops.append(whole - float(roc_auc_score(labels, fitted.probabilities(mixed))))
        drop = float(np.mean(drops))
        if drop >= SMALLEST_DROP:
            found.append({"words": words, "drop": drop, "more": _direction(steadied(figures[:, positions]), scores)})
    return sorted(found, key=lambda topic: -topic["drop"])[:MOST_TOPICS]


def _balanced(labels: Floats, dice: np.random.Generator) -> Floats:
    """Rows to measure with: at most half of MOST_PERMUTED of either kind, so that rare ones do not get lost."""
    parts = []
    for label in (0, 1):
        rows = np.flatnonzero(labels == label)
        parts.append(dice.choice(rows, size=min(len(rows), MOST_PERMUTED // 2), replace=False))
    return np.concatenate(parts)


def _direction(figures: Floats, scores: Floats) -> str:
    """Whether more goes with likelier, less likely, or neither; of several figures the one that shows it best."""
    strongest = 0.0
    for column in figures.T:
        if column.std() > 0 and scores.std() > 0:
            found = float(np.corrcoef(column, scores)[0, 1])
            strongest = found if abs(found) > abs(strongest) else strongest
    if abs(strongest) < 0.1:
        return "mixed"
    return "likelier" if strongest > 0 else "less_likely"
