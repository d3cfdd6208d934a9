"""Conditions: who belongs to an audience, as JSON, as a tree, as a verdict, in English.

parse(definition) -> Condition                 raises ConditionError(.problems: list[Problem(path, code, detail)])
evaluate(condition, profile, now, options) -> Verdict(is_member, recheck_at, evidence)
predict_flip(condition, profile, now, options) -> datetime | None      exact instant of the next change by time alone
mentions(condition) -> Mentions(events, traits, audiences, identifiers, journey_steps)
properties_mentioned(condition) -> frozenset[(event type, event name, dotted property)]
describe(condition) -> str
schema() -> dict                               JSON Schema 2020-12

`ProfileState`, `EventRecord`, `Options` are what `evaluate` is given. The SQL of the same verdict:
`audiences.compiler`. Semantics: `operators` (values), `windows` (time, half open), `nodes` (the tree).
"""

from __future__ import annotations

from engine.conditions.describing import describe
from engine.conditions.errors import ConditionError, Problem
from engine.conditions.evaluation import evaluate, predict_flip
from engine.conditions.evidence import Evidence, Verdict
from engine.conditions.json_schema import schema
from engine.conditions.mentioning import Mentions, mentions, properties_mentioned
from engine.conditions.nodes import Condition
from engine.conditions.parsing import parse
from engine.conditions.profile_state import EventRecord, Options, ProfileState

__all__ = [
    "Condition",
    "ConditionError",
    "EventRecord",
    "Evidence",
    "Mentions",
    "Options",
    "Problem",
    "ProfileState",
    "Verdict",
    "describe",
    "evaluate",
    "mentions",
    "parse",
    "predict_flip",
    "properties_mentioned",
    "schema",
]
