"""Predictive traits (kind `prediction`): how likely a person is to do something within the next days.

    {"version": 1, "collection": "users", "kind": "prediction", "event": {"event": "Order Completed"},
     "horizon": {"days": 30}, "people": "everyone", "score": "probability"}

`event` is an event node with property tests only: its windows are those of the prediction. `people` says who gets a
score (default everyone with an event), `score` what it is: a probability of 0 to 1 (default), or the percentile among
all scored people, 1 to 100. Values are written by the app that trains the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine import conditions
from engine.conditions.describing import happening_of
from engine.conditions.errors import Problem
from engine.conditions.nodes import EventNode, TraitValue
from engine.conditions.operators import RELATIVE_DATES
from engine.conditions.parsing import read_event
from engine.conditions.parsing_values import ValueReader
from engine.traits.definition import VERSION
from engine.traits.kinds import Kind, Schema, register

KIND = "prediction"
ORIGIN = "model"
SHORTEST_DAYS, LONGEST_DAYS = 7, 120
USUAL_DAYS = (7, 15, 30, 60, 90, 120)
PEOPLE = {
    "everyone": "Everyone with an event",
    "did": "Who did it before",
    "did_not": "Who never did it",
}
SCORES = {
    "probability": "Probability, 0 to 1",
    "percentile": "Percentile, 1 to 100",
}
KEYS = ("version", "collection", "kind", "event", "horizon", "people", "score")


@dataclass(frozen=True, kw_only=True)
class PredictionTrait:
    """Will somebody of `people` do what `event` describes within `days` days? `score` is one of SCORES."""

    version: int
    collection: str
    kind: str
    event: EventNode
    days: int
    people: str = "everyone"
    score: str = "probability"


def read(raw: Mapping[str, Any], problems: list[Problem]) -> PredictionTrait | None:
    """The prediction of a definition, or None after adding to the problems."""
    reader = _Reader([])
    found = reader.prediction(raw)
    problems += reader.problems
    return None if problems else found


class _Reader(ValueReader):
    def prediction(self, raw: Mapping[str, Any]) -> PredictionTrait | None:
        self.known_keys(raw, "", KEYS)
        if raw.get("collection") == "accounts":
            detail = "Predictions are of people: their own events are what a model learns from."
            self.problem("/collection", "users_only", detail)
        event = self._event(raw)
        days = self._days(raw)
        people = self._one_of(raw, "people", PEOPLE, "everyone")
        score = self._one_of(raw, "score", SCORES, "probability")
        if event is None or days is None:
            return None
        return PredictionTrait(
            version=VERSION, collection="users", kind=KIND, event=event, days=days, people=people, score=score
        )

    def _event(self, raw: Mapping[str, Any]) -> EventNode | None:
        node = raw.get("event")
        if not isinstance(node, Mapping):
            code = "wrong_type" if "event" in raw else "required"
            self.problem("/event", code, 'Name the event, such as {"event": "Order Completed"}.')
            return None
        for key, what in (("window", "a time window"), ("then", "what followed"), ("count", "a count")):
            if key in node:
                detail = f"Remove {what}: whether it happens once within the horizon is what is predicted."
                self.problem(f"/event/{key}", "unknown_key", detail)
        if "event" not in node:
            self.problem("/event/event", "required", "Give an event name.")
            return None
        event = read_event(
            {key: value for key, value in node.items() if key not in {"window", "then", "count"}},
            "/event",
            self.problems,
        )
        for index, test in enumerate(event.properties if event else ()):
            place = f"/event/properties/{index}"
            if test.operator in RELATIVE_DATES:
                detail = "Compare with a fixed date (before_date, after_date): a model learns from other days as well."
                self.problem(place, "unsupported", detail)
            elif isinstance(test.operand, TraitValue):
                detail = "Compare with a value: what a trait was on the days that a model learns from is not known."
                self.problem(place, "unsupported", detail)
        return event

    def _days(self, raw: Mapping[str, Any]) -> int | None:
        horizon = raw.get("horizon")
        if isinstance(horizon, Mapping) and set(horizon) == {"days"}:
            days = horizon["days"]
            if type(days) is int and SHORTEST_DAYS <= days <= LONGEST_DAYS:
                return days
        code = "invalid_horizon" if "horizon" in raw else "required"
        detail = f'Within how many days, from {SHORTEST_DAYS} to {LONGEST_DAYS}, such as {{"days": 30}}.'
        self.problem("/horizon", code, detail)
        return None

    def _one_of(self, raw: Mapping[str, Any], key: str, known: Mapping[str, str], default: str) -> str:
        value = raw.get(key, default)
        if isinstance(value, str) and value in known:
            return value
        self.problem(f"/{key}", f"unknown_{key}", f"Use one of: {', '.join(known)}.")
        return default


def goal_of(trait: PredictionTrait) -> str:
    """What is predicted, as a verb: performed “Order Completed” where …"""
    return happening_of(trait.event)


def describe(trait: PredictionTrait) -> str:
    """One sentence, such as: Likelihood that a user performed “Order Completed” within the next 30 days."""
    who = {"everyone": "the user", "did": "a user who did it before", "did_not": "a user who never did it"}
    what = "Likelihood" if trait.score == "probability" else "Percentile, 1 to 100, of the likelihood"
    return f"{what} that {who[trait.people]} {_future(goal_of(trait))} within the next {trait.days} days."


def _future(words: str) -> str:
    for past, future in (("performed ", "will perform "), ("viewed ", "will view ")):
        if words.startswith(past):
            return future + words.removeprefix(past)
    return words


def _schema() -> Schema:
    happening = conditions.schema()["$defs"]["event"]["properties"]
    event = {name: happening[name] for name in ("event", "type", "properties")}
    days = {"type": "integer", "minimum": SHORTEST_DAYS, "maximum": LONGEST_DAYS}
    return {
        "type": "object",
        "properties": {
            "version": {"const": VERSION},
            "collection": {"const": "users"},
            "kind": {"const": KIND},
            "event": {"type": "object", "properties": event, "required": ["event"], "additionalProperties": False},
            "horizon": {
                "type": "object",
                "properties": {"days": days},
                "required": ["days"],
                "additionalProperties": False,
            },
            "people": {"enum": list(PEOPLE)},
            "score": {"enum": list(SCORES)},
        },
        "required": ["version", "collection", "kind", "event", "horizon"],
        "additionalProperties": False,
    }


register(
    Kind(
        name=KIND,
        label="Prediction",
        summary="How likely a person is to do something within the next days, from their own history.",
        value_type="number",
        origin=ORIGIN,
        keys=("event", "horizon", "people", "score"),
        reads_property=False,
        read=read,
        describe=describe,
        schema=_schema(),
    )
)
