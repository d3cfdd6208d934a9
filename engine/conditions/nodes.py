"""The condition tree after parsing: frozen, hashable, comparable; equal trees mean equal verdicts.

Durations and instants are whole microseconds (instants since 1970 UTC), so that no calendar limit of Python's
datetimes can disagree with the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

Path = tuple[str, ...]
"""Keys from the outside in. Only objects are walked into; where the key is ELEMENTS, each element of a list."""

ELEMENTS = "$"


@dataclass(frozen=True, kw_only=True)
class Constant:
    """A JSON scalar. `kind` keeps 1, true and "1" apart; numbers are exact decimals."""

    kind: str
    value: str | Decimal | bool


@dataclass(frozen=True, kw_only=True)
class ConstantList:
    items: tuple[Constant, ...]


@dataclass(frozen=True, kw_only=True)
class Duration:
    """`amount` of `unit` as written, `micros` as computed."""

    amount: int
    unit: str
    micros: int


@dataclass(frozen=True, kw_only=True)
class Instant:
    """A point in time: as written, and in microseconds since 1970 UTC."""

    text: str
    micros: int


@dataclass(frozen=True, kw_only=True)
class TraitValue:
    """The profile's own trait stands for the value."""

    path: Path


@dataclass(frozen=True, kw_only=True)
class ParentProperty:
    """In a funnel child: the parent occurrence's property stands for the value."""

    path: Path


@dataclass(frozen=True, kw_only=True)
class Presence:
    """Operand of `exists`."""

    wanted: bool


Operand = Constant | ConstantList | Duration | Instant | TraitValue | ParentProperty | Presence


@dataclass(frozen=True, kw_only=True)
class Test:
    """`operator` applied to the value at `path`."""

    __test__ = False

    path: Path
    operator: str
    operand: Operand


@dataclass(frozen=True, kw_only=True)
class AnyTime:
    pass


@dataclass(frozen=True, kw_only=True)
class Within:
    """now - duration < timestamp <= now."""

    duration: Duration


@dataclass(frozen=True, kw_only=True)
class Between:
    """now - start < timestamp <= now - end; `start` is further back than `end`."""

    start: Duration
    end: Duration


@dataclass(frozen=True, kw_only=True)
class Since:
    """instant <= timestamp <= now."""

    instant: Instant


@dataclass(frozen=True, kw_only=True)
class Before:
    """timestamp < instant and timestamp <= now."""

    instant: Instant


Window = AnyTime | Within | Between | Since | Before


@dataclass(frozen=True, kw_only=True)
class Count:
    """`operator` is one of gte, gt, lte, lt, eq."""

    operator: str
    number: int


@dataclass(frozen=True, kw_only=True)
class Child:
    """Funnel child: after a parent at t, an event with t < timestamp <= t + duration did (not) happen.

    `performed=False` holds once the duration is over, not before.
    """

    type: str
    name: str | None
    performed: bool
    duration: Duration
    properties: tuple[Test, ...]


@dataclass(frozen=True, kw_only=True)
class EventNode:
    """`look_back` is that of the whole definition: events older than it never count, whatever the window."""

    type: str
    name: str | None
    count: Count
    window: Window
    properties: tuple[Test, ...]
    then: Child | None
    look_back: Duration | None = None


@dataclass(frozen=True, kw_only=True)
class TraitNode:
    test: Test


@dataclass(frozen=True, kw_only=True)
class AudienceNode:
    """`audience` is the key or id as written."""

    audience: str
    member: bool


@dataclass(frozen=True, kw_only=True)
class JourneyStepNode:
    """`step` is the key or id as written. A member entered the step and is still in the journey."""

    step: str
    member: bool


@dataclass(frozen=True, kw_only=True)
class IdentifierNode:
    identifier: str
    exists: bool


@dataclass(frozen=True, kw_only=True)
class AllNode:
    children: tuple[Node, ...]


@dataclass(frozen=True, kw_only=True)
class AnyNode:
    children: tuple[Node, ...]


@dataclass(frozen=True, kw_only=True)
class NotNode:
    child: Node


@dataclass(frozen=True, kw_only=True)
class UsersNode:
    """Of accounts: whether `match` holds for any, all or none of the users.

    Without users any is false, all is false, none is true (audiences-and-traits.md §8). `is_implied`: the definition
    has `match` in this place, an event, which accounts perform through any of their users.
    """

    quantifier: str
    match: Node
    is_implied: bool = False


Node = AllNode | AnyNode | NotNode | EventNode | TraitNode | AudienceNode | JourneyStepNode | IdentifierNode | UsersNode


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A whole definition: `collection` is users or accounts. `look_back`, also on each event: only newer ones count."""

    version: int
    collection: str
    where: Node
    look_back: Duration | None = None
