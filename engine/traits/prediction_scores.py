"""From a probability to the value of a trait: rounded, and only replaced when it says something else."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

PERCENTILES = 100
DECIMALS = 2
# A stored value stays until the new figure is farther away than this share of a step: without it, somebody on the
# border of two roundings would be sent every day.
SLACK = 0.75
PROBABILITY_STEP, PERCENTILE_STEP = 0.01, 1.0


def probability_value(probability: float, stored: Any) -> float:
    """The probability with two decimals; `stored` (any JSON value) if that is still near enough."""
    if _is_near(probability, stored, PROBABILITY_STEP):
        return float(stored)
    return round(probability, DECIMALS)


def percentile_value(probability: float, cuts: Sequence[float], stored: Any) -> int:
    """Where the probability is among those of everybody, 1 (lowest) to 100; `cuts` are the 99 inner bounds."""
    place = bisect_right(cuts, probability) + 1
    if _is_near(place, stored, PERCENTILE_STEP):
        return int(stored)
    return place


def _is_near(figure: float, stored: Any, step: float) -> bool:
    is_number = isinstance(stored, int | float) and not isinstance(stored, bool)
    return is_number and abs(figure - stored) < SLACK * step


# Area under the curve, from which on it is called so.
GRADES = (
    (0.97, "suspicious", "Too good to be true: look whether another event always goes with the one that is predicted."),
    (0.85, "very good", "Very good: people who will do it are told from the others most of the time."),
    (0.75, "good", "Good: fit for choosing whom to address."),
    (0.65, "fair", "Fair: better than guessing, not fit for decisions about single people."),
    (0.55, "weak", "Weak: only slightly better than guessing."),
    (0.0, "none", "No better than guessing: the history of these people does not tell what they will do."),
)


def grade(auc: float) -> tuple[str, str]:
    """A word and a sentence for the area under the curve."""
    return next((word, sentence) for low, word, sentence in GRADES if auc >= low)
