"""Whether one event matches a node of a condition, and from when until when it counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.conditions.instants import micros_of
from engine.conditions.nodes import (
    Child,
    Constant,
    ConstantList,
    Duration,
    EventNode,
    Instant,
    ParentProperty,
    Presence,
    Test,
    TraitValue,
)
from engine.conditions.operators import RELATIVE_DATES, Outcome, apply, look_up, relative_interval
from engine.conditions.profile_state import EventRecord
from engine.conditions.windows import Life, life_in, life_within


class Matcher:
    """Tests values as of `now` (microseconds), with the profile's traits where a test compares with one."""

    __slots__ = ("now", "traits")

    def __init__(self, traits: Mapping[str, Any], now: int) -> None:
        self.traits = traits
        self.now = now

    def life(self, event: EventRecord, node: EventNode) -> Life | None:
        """When an event counts for a node, whatever follows it; None if it never does. Does not depend on `now`."""
        if not is_named(event, node.type, node.name) or not self.passes(event, node.properties, None):
            return None
        timestamp = micros_of(event.timestamp)
        life = life_within(life_in(node.window, timestamp), timestamp, node.look_back)
        for test in node.properties:
            if life is not None and test.operator in RELATIVE_DATES:
                life = _narrowed(life, test, event)
        return life if life is None or life.end is None or life.start < life.end else None

    def passes(self, event: EventRecord, tests: tuple[Test, ...], parent: EventRecord | None) -> bool:
        """Whether the event's properties hold, except for relative dates, which narrow its life instead."""
        return all(
            test.operator in RELATIVE_DATES or self.test(test, property_of(event, test.path), parent).holds
            for test in tests
        )

    def test(self, test: Test, value: Any, parent: EventRecord | None) -> Outcome:
        """One test of one value."""
        return apply(test.operator, value, self._operand(test, parent), self.now)

    def _operand(self, test: Test, parent: EventRecord | None) -> Any:
        operand = test.operand
        match operand:
            case Constant():
                return operand.value
            case ConstantList():
                return [item.value for item in operand.items]
            case Duration() | Instant():
                return operand.micros
            case Presence():
                return operand.wanted
            case TraitValue():
                return look_up(self.traits, operand.path)
            case ParentProperty():
                return None if parent is None else property_of(parent, operand.path)


def is_named(event: EventRecord, kind: str, name: str | None) -> bool:
    """Whether the event is of that type and name; None is any name."""
    return event.type == kind and (name is None or event.name == name)


def life_after(life: Life, parent: int, child: Child, first: int | None) -> Life | None:
    """The life of an event at `parent` (microseconds) whose first follower within the time came at `first`."""
    if child.performed:
        start = None if first is None else max(life.start, first)
    else:
        start = None if first is not None else max(life.start, parent + child.duration.micros)
    if start is None or (life.end is not None and start >= life.end):
        return None
    return Life(start, life.end)


def property_of(event: EventRecord, path: tuple[str, ...]) -> Any:
    """The value at `path`; page and screen names are offered as properties (audiences-and-traits.md §3.1)."""
    if path == (f"{event.type}_name",) and event.type != "track":
        return event.name or None
    properties: Mapping[str, Any] = event.properties
    return look_up(properties, path)


def _narrowed(life: Life, test: Test, event: EventRecord) -> Life | None:
    """A relative date test lets the event count only during its own interval."""
    if not isinstance(test.operand, Duration):
        return None
    interval = relative_interval(test.operator, property_of(event, test.path), test.operand.micros)
    if interval is None:
        return None
    first, end = interval
    ends = [instant for instant in (life.end, end) if instant is not None]
    return Life(life.start if first is None else max(life.start, first), min(ends, default=None))
