"""Scores from the numbers of a stored model (`predict_storing`). Needs numpy, not scikit-learn; no Django here."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
NEVER_DAYS = 3_650.0
_EDGE = 1e-7


def steadied(figures: Floats) -> Floats:
    """Figures for a linear model: logarithms, and what never happened as if it had been ten years ago."""
    known = np.where(np.isnan(figures), NEVER_DAYS, figures).astype(np.float64)
    steady: Floats = np.sign(known) * np.log1p(np.abs(known))
    return steady


def sigmoid(odds: Floats) -> Floats:
    found: Floats = 1.0 / (1.0 + np.exp(-np.clip(odds, -500, 500)))
    return found


def logit(probabilities: Floats) -> Floats:
    inside = np.clip(probabilities, _EDGE, 1 - _EDGE)
    found: Floats = np.log(inside / (1 - inside))
    return found


class Scorer:
    """Gives probabilities. `numbers`: kind `logistic` (means, deviations, weights, intercept) or `boosting` (baseline,
    trees as lists by node: feature, threshold, unknown_left, left, right, is_leaf, value), and slope and offset of the
    calibration."""

    def __init__(self, numbers: dict[str, Any]) -> None:
        self.numbers = numbers
        self.trees = [{name: np.asarray(column) for name, column in tree.items()} for tree in numbers.get("trees", ())]

    def scores(self, figures: Floats) -> Floats:
        """A probability for each row of figures, in the order of the model's features."""
        numbers = self.numbers
        odds = self._by_trees(figures) if numbers["kind"] == "boosting" else self._by_weights(figures)
        return sigmoid(numbers["slope"] * logit(sigmoid(odds)) + numbers["offset"])

    def _by_weights(self, figures: Floats) -> Floats:
        numbers = self.numbers
        plain = (steadied(figures) - np.asarray(numbers["means"])) / np.asarray(numbers["deviations"])
        found: Floats = plain @ np.asarray(numbers["weights"]) + numbers["intercept"]
        return found

    def _by_trees(self, figures: Floats) -> Floats:
        odds = np.full(len(figures), self.numbers["baseline"], dtype=np.float64)
        rows = np.arange(len(figures))
        for tree in self.trees:
            place = np.zeros(len(figures), dtype=np.int64)
            inner = rows
            while len(inner):
                here = place[inner]
                inner = inner[tree["is_leaf"][here] == 0]
                here = place[inner]
                figure = figures[inner, tree["feature"][here]].astype(np.float64)
                is_left = np.where(np.isnan(figure), tree["unknown_left"][here] == 1, figure <= tree["threshold"][here])
                place[inner] = np.where(is_left, tree["left"][here], tree["right"][here])
            odds += tree["value"][place]
        return odds
