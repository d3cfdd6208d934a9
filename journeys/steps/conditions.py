"""Conditions of steps: in words on a card."""

from __future__ import annotations

from typing import Any

from engine import conditions
from engine.conditions.describing import sentence_of


def condition_words(raw: Any) -> str:
    """The condition as a sentence; "" when there is none or it is not complete."""
    if not raw:
        return ""
    try:
        condition = conditions.parse(raw)
    except conditions.ConditionError:
        return ""
    text = sentence_of(condition.where)
    return text[:1].upper() + text[1:]


def condition_summary(raw: Any) -> str:
    return condition_words(raw) or ("Condition is not complete" if raw else "No condition yet")
