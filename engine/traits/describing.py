"""A computed trait in plain English, for lists, review pages and explain."""

from __future__ import annotations

from typing import Any

from engine.conditions.describing import happening_of
from engine.traits.definition import EventTrait
from engine.traits.kinds import KINDS

AGGREGATE_WORDS = {"sum": "Sum", "avg": "Average", "min": "Lowest value", "max": "Highest value"}


def describe(definition: Any) -> str:
    """One sentence, such as: Sum of “revenue” of every time a user performed “Order Completed”."""
    if isinstance(definition, EventTrait):
        return f"{_what(definition)} {_when(definition)}."
    kind = KINDS[definition.kind]
    return kind.label if kind.describe is None else kind.describe(definition)


def value_name(definition: EventTrait) -> str:
    """The property (or trait of users) whose values are looked at; "" for a counter."""
    return ".".join(definition.path or ())


def _what(trait: EventTrait) -> str:  # noqa: PLR0911 - one a kind
    name = f"“{value_name(trait)}”"
    if trait.is_user_trait:
        name = f"the users' trait {name}"
    match trait.kind:
        case "event_counter":
            return "Number of times"
        case "aggregation":
            return f"{AGGREGATE_WORDS[trait.aggregate]} of {name} over all times"
        case "most_frequent":
            times = "once" if trait.minimum == 1 else f"{trait.minimum} times"
            return f"Most frequent {name}, seen at least {times}, over all times"
        case "first":
            return f"{_capital(name)} of the first time"
        case "last":
            return f"{_capital(name)} of the last time"
        case "unique_list":
            return f"All different values of {name} over all times"
    return f"Number of different values of {name} over all times"


def _when(trait: EventTrait) -> str:
    who = "any user of the account" if trait.collection == "accounts" else "the user"
    return f"{who} {happening_of(trait.event)}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
