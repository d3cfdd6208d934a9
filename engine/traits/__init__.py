"""Computed traits: a value per profile made of its events, as JSON, as a tree, as a value, in English.

parse(definition) -> EventTrait                raises TraitError(.problems: list[Problem(path, code, detail)])
evaluate(trait, profile, now, options) -> Valuation(value, recheck_at, sentence, facts)
mentions_of(trait) -> Mentions
describe(trait) -> str
schema() -> dict                               JSON Schema 2020-12
KINDS, register(Kind)                          where further kinds (SQL, predictions) make themselves known

The kind `prediction` is in `predictions`.
`ProfileState`, `EventRecord` and `Options` are those of `engine.conditions`, as are windows, property tests and what
follows an event. The SQL of the same value: `traits.compiler`. Semantics of each kind: `folding`.
"""

from __future__ import annotations

from engine.traits.definition import EventTrait
from engine.traits.describing import describe
from engine.traits.errors import TraitError
from engine.traits.evaluation import Valuation, evaluate
from engine.traits.json_schema import schema
from engine.traits.kinds import KINDS, Kind, register
from engine.traits.mentioning import mentions_of
from engine.traits.parsing import parse
from engine.traits.predictions import PredictionTrait
from engine.traits.sql import SqlTraitDefinition

__all__ = [
    "KINDS",
    "EventTrait",
    "Kind",
    "PredictionTrait",
    "SqlTraitDefinition",
    "TraitError",
    "Valuation",
    "describe",
    "evaluate",
    "mentions_of",
    "parse",
    "register",
    "schema",
]
