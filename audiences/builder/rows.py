"""What the builder edits: a tree of rows whose parts are the texts of form fields, complete or not.

A row has a place: `n` is the outermost group, `n-0-2` the third row of its first row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Joiner = Literal["all", "any"]
ROOT = "n"
UNITS = ("minutes", "hours", "days", "weeks")
QUANTIFIERS = ("any", "all", "none")
VALUE_TYPES = ("text", "number", "boolean", "trait", "parent")


@dataclass(kw_only=True)
class ValueTest:
    """A trait or property, an operator and its value. `operator` may be `missing`, the negative of `exists`."""

    name: str = ""
    operator: str = "equals"
    value_type: str = "text"
    values: list[str] = field(default_factory=lambda: [""])
    unit: str = "days"

    @property
    def value(self) -> str:
        return self.values[0] if self.values else ""


@dataclass(kw_only=True)
class WindowFields:
    """`kind` is any, within, between, since or before. between: from `amount unit` ago to `end_amount end_unit` ago."""

    kind: str = "any"
    amount: str = "30"
    unit: str = "days"
    end_amount: str = "7"
    end_unit: str = "days"
    instant: str = ""


@dataclass(kw_only=True)
class ThenFields:
    """What followed each occurrence, or did not, within `amount unit`. An empty page name is any page."""

    type: str = "track"
    name: str = ""
    performed: bool = True
    amount: str = "1"
    unit: str = "days"
    properties: list[ValueTest] = field(default_factory=list)


@dataclass(kw_only=True)
class EventRow:
    """`type` is track, page or screen; an empty page or screen name is any."""

    type: str = "track"
    name: str = ""
    negated: bool = False
    count_operator: str = "gte"
    count: str = "1"
    window: WindowFields = field(default_factory=WindowFields)
    properties: list[ValueTest] = field(default_factory=list)
    then: ThenFields | None = None


@dataclass(kw_only=True)
class TraitRow:
    """`source` says which traits are offered (custom, computed …), "" all; the definition does not tell them apart."""

    test: ValueTest = field(default_factory=ValueTest)
    negated: bool = False
    source: str = ""


@dataclass(kw_only=True)
class AudienceRow:
    audience: str = ""
    member: bool = True


@dataclass(kw_only=True)
class StepRow:
    """In a step of a journey, by its key or id."""

    step: str = ""
    member: bool = True


@dataclass(kw_only=True)
class IdentifierRow:
    identifier: str = "email"
    exists: bool = True


@dataclass(kw_only=True)
class RawRow:
    """A condition that the form has no words for, kept as it came."""

    node: Any


@dataclass(kw_only=True)
class Group:
    """Rows joined by AND or OR. `users` (any, all, none; of accounts only): they are about the users of the account.

    `is_implied` (outermost, and of users): with one row the definition is that row, no group. `look_back` (outermost)
    in `look_back_unit`: events that are older do not count; "" is all of history.
    """

    joiner: Joiner = "all"
    negated: bool = False
    users: str = ""
    is_implied: bool = False
    children: list[Row] = field(default_factory=list)
    look_back: str = ""
    look_back_unit: str = "days"


Row = Group | EventRow | TraitRow | AudienceRow | StepRow | IdentifierRow | RawRow
