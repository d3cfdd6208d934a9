"""The verdict on one user profile whose history arrives bit by bit: without evidence, and without starting over.

`Judge.add` takes events as they arrive, `Judge.judge` answers as of ever later instants. Each event is matched once and
forgotten when it can no longer count, so that a walk through a long life takes time in proportion to its length.
The verdicts are those of `evaluation.evaluate` on the events added so far; a Hypothesis test holds the two together.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from engine.conditions.evidence import moment_after
from engine.conditions.instants import micros_of
from engine.conditions.matching import Matcher, is_named, life_after
from engine.conditions.mentioning import walk
from engine.conditions.nodes import (
    AllNode,
    AnyNode,
    AudienceNode,
    Child,
    Condition,
    EventNode,
    IdentifierNode,
    JourneyStepNode,
    Node,
    NotNode,
    Path,
    Test,
    TraitNode,
    TraitValue,
    UsersNode,
)
from engine.conditions.operators import look_up
from engine.conditions.profile_state import KNOWN_IDENTIFIERS, EventRecord, Options
from engine.conditions.windows import Life, satisfies

NO_OPTIONS = Options()
Traits = Mapping[str, Any]


class Ruling(NamedTuple):
    """A verdict without evidence. `recheck_at` as in `Verdict`."""

    is_member: bool
    recheck_at: datetime | None


class Judge:
    """One condition on one profile. Instants given to `judge` must not go back."""

    def __init__(self, condition: Condition, options: Options = NO_OPTIONS) -> None:
        self.condition = condition
        self.options = options
        self.asks_who = condition.collection == "users" and not options.include_anonymous
        self.counters = {id(node): _counter_of(node) for node in walk(condition.where) if isinstance(node, EventNode)}

    def add(self, event: EventRecord) -> None:
        """One more event, in any order of timestamps."""
        since, occurred = self.options.historical_from, self.options.occurred_from
        if (since is not None and event.received_at < since) or (occurred is not None and event.timestamp < occurred):
            return
        for counter in self.counters.values():
            counter.add(event)

    def judge(
        self, traits: Traits, identifiers: Mapping[str, Sequence[str]], memberships: frozenset[str], now: datetime
    ) -> Ruling:
        """The verdict as of `now` (aware)."""
        if self.asks_who and not any(identifiers.get(kind) for kind in KNOWN_IDENTIFIERS):
            return Ruling(False, None)
        asked = _Asked(self, traits, identifiers, memberships, micros_of(now))
        holds, flips_at = asked.node(self.condition.where)
        return Ruling(holds, moment_after(now, flips_at))


Found = tuple[bool, int | None]
"""Whether a node holds, and the microsecond at which time alone changes that."""


class _Asked:
    __slots__ = ("counters", "identifiers", "matcher", "memberships", "now", "traits")

    def __init__(
        self,
        judge: Judge,
        traits: Traits,
        identifiers: Mapping[str, Sequence[str]],
        memberships: frozenset[str],
        now: int,
    ) -> None:
        self.counters = judge.counters
        self.traits = traits
        self.identifiers = identifiers
        self.memberships = memberships
        self.now = now
        self.matcher = Matcher(traits, now)

    def node(self, node: Node) -> Found:  # noqa: PLR0911 - one a kind of node
        if isinstance(node, EventNode):
            return self.counters[id(node)].verdict(self.traits, self.now)
        if isinstance(node, AllNode | AnyNode):
            return self._group(node)
        if isinstance(node, NotNode):
            holds, flips_at = self.node(node.child)
            return not holds, flips_at
        if isinstance(node, TraitNode):
            outcome = self.matcher.test(node.test, look_up(self.traits, node.test.path), None)
            return outcome.holds, outcome.flips_at
        if isinstance(node, AudienceNode):
            return (node.audience in self.memberships) is node.member, None
        if isinstance(node, JourneyStepNode):
            return (node.step in self.memberships) is node.member, None
        if isinstance(node, UsersNode):
            raise TypeError("Accounts are not judged event by event; use evaluate.")
        return self._identifier(node)

    def _identifier(self, node: IdentifierNode) -> Found:
        return bool(self.identifiers.get(node.identifier)) is node.exists, None

    def _group(self, node: AllNode | AnyNode) -> Found:
        is_all = isinstance(node, AllNode)
        found = [self.node(child) for child in node.children]
        deciding = [flips_at for holds, flips_at in found if holds is not is_all]
        if not deciding:
            return is_all, min((flips_at for _, flips_at in found if flips_at is not None), default=None)
        # Decided by some children alone: it stays until the last of those changes.
        known = [flips_at for flips_at in deciding if flips_at is not None]
        return not is_all, max(known) if len(known) == len(deciding) else None


class _Lives:
    """How many events count, now and later. `starts` lie ahead (with their ends), `ends` are of those that count."""

    __slots__ = ("ends", "forever", "starts")

    def __init__(self) -> None:
        self.starts: list[tuple[int, int | None]] = []
        self.ends: list[int] = []
        self.forever = 0

    def add(self, life: Life) -> None:
        insort(self.starts, (life.start, life.end), key=_start)

    def remove(self, life: Life) -> None:
        """Take back what was added; a life that is over already is gone."""
        place = bisect_left(self.starts, life.start, key=_start)
        while place < len(self.starts) and self.starts[place][0] == life.start:
            if self.starts[place][1] == life.end:
                del self.starts[place]
                return
            place += 1
        if life.end is None:
            self.forever -= 1
            return
        place = bisect_left(self.ends, life.end)
        if place < len(self.ends) and self.ends[place] == life.end:
            del self.ends[place]

    def verdict(self, node: EventNode, now: int) -> Found:
        started = bisect_right(self.starts, now, key=_start)
        for _, end in self.starts[:started]:
            if end is None:
                self.forever += 1
            elif end > now:
                insort(self.ends, end)
        del self.starts[:started]
        del self.ends[: bisect_right(self.ends, now)]
        found = self.forever + len(self.ends)
        holds = satisfies(node.count, found)
        for instant, change in self._changes():
            found += change
            if satisfies(node.count, found) is not holds:
                return holds, instant
        return holds, None

    def _changes(self) -> Iterator[tuple[int, int]]:
        """(instant, by how many the count changes) in order, each instant once."""
        if not self.starts:
            yield from _grouped((end, -1) for end in self.ends)
            return
        coming = [(start, 1) for start, _ in self.starts]
        going = [(end, -1) for _, end in self.starts if end is not None] + [(end, -1) for end in self.ends]
        yield from _grouped(iter(sorted(coming + going)))


def _grouped(changes: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    at: int | None = None
    total = 0
    for instant, change in changes:
        if at is not None and instant != at:
            yield at, total
            total = 0
        at = instant
        total += change
    if at is not None:
        yield at, total


def _start(life: tuple[int, int | None]) -> int:
    return life[0]


class _Counter:
    """An event node without follower whose tests look at the event alone: an event is matched once."""

    def __init__(self, node: EventNode) -> None:
        self.node = node
        self.lives = _Lives()
        self.matcher = Matcher({}, 0)

    def add(self, event: EventRecord) -> None:
        life = self.matcher.life(event, self.node)
        if life is not None:
            self.lives.add(life)

    def verdict(self, traits: Traits, now: int) -> Found:
        return self.lives.verdict(self.node, now)


@dataclass(slots=True)
class _Parent:
    """An event that a follower is asked of: `first` is the earliest one within the time, `counted` its life then."""

    at: int
    event: EventRecord
    life: Life
    first: int | None = None
    counted: Life | None = None


class _FunnelCounter(_Counter):
    """With a follower, which may arrive later than it happened and change what earlier events count for."""

    def __init__(self, node: EventNode, child: Child) -> None:
        super().__init__(node)
        self.child = child
        self.parents: list[_Parent] = []
        self.followers: list[tuple[int, EventRecord]] = []

    def add(self, event: EventRecord) -> None:
        at = micros_of(event.timestamp)
        if is_named(event, self.child.type, self.child.name):
            insort(self.followers, (at, event), key=_first)
            self._follows(at, event)
        life = self.matcher.life(event, self.node)
        if life is not None:
            parent = _Parent(at, event, life, self._first_follower(at, event))
            insort(self.parents, parent, key=_at)
            self._count(parent)

    def _follows(self, at: int, event: EventRecord) -> None:
        low = bisect_left(self.parents, at - self.child.duration.micros, key=_at)
        for parent in self.parents[low : bisect_left(self.parents, at, key=_at)]:
            is_earlier = parent.first is None or at < parent.first
            if is_earlier and self.matcher.passes(event, self.child.properties, parent.event):
                parent.first = at
                self._count(parent)

    def _first_follower(self, after: int, parent: EventRecord) -> int | None:
        low = bisect_right(self.followers, after, key=_first)
        high = bisect_right(self.followers, after + self.child.duration.micros, key=_first)
        for place in range(low, high):
            at, event = self.followers[place]
            if self.matcher.passes(event, self.child.properties, parent):
                return at
        return None

    def _count(self, parent: _Parent) -> None:
        counted = life_after(parent.life, parent.at, self.child, parent.first)
        if counted == parent.counted:
            return
        if parent.counted is not None:
            self.lives.remove(parent.counted)
        if counted is not None:
            self.lives.add(counted)
        parent.counted = counted


class _TraitCounter(_Counter):
    """Tests compare with traits of the profile: when those change, everything is matched anew."""

    def __init__(self, node: EventNode, paths: Sequence[Path]) -> None:
        super().__init__(node)
        self.paths = paths
        self.events: list[EventRecord] = []
        self.matched = 0
        self.values: list[Any] = []
        self.inner = _plain_counter(node)

    def add(self, event: EventRecord) -> None:
        self.events.append(event)

    def verdict(self, traits: Traits, now: int) -> Found:
        values = [look_up(traits, path) for path in self.paths]
        if not _same(values, self.values):
            self.values = values
            self.matched = 0
            self.inner = _plain_counter(self.node)
        self.inner.matcher = Matcher(traits, 0)
        for event in self.events[self.matched :]:
            self.inner.add(event)
        self.matched = len(self.events)
        return self.inner.verdict(traits, now)


def _same(left: Sequence[Any], right: Sequence[Any]) -> bool:
    """Equal and of the same types: 1 and true are equal in Python, but not in JSON."""
    return repr(left) == repr(right)


def _first(item: tuple[int, EventRecord]) -> int:
    return item[0]


def _at(parent: _Parent) -> int:
    return parent.at


def _counter_of(node: EventNode) -> _Counter:
    paths = [operand.path for test in _tests(node) if isinstance(operand := test.operand, TraitValue)]
    return _TraitCounter(node, paths) if paths else _plain_counter(node)


def _plain_counter(node: EventNode) -> _Counter:
    return _Counter(node) if node.then is None else _FunnelCounter(node, node.then)


def _tests(node: EventNode) -> tuple[Test, ...]:
    return node.properties if node.then is None else node.properties + node.then.properties
