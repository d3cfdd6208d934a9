"""The verdict on one profile in memory, with evidence: for explain, tests and simulation.

`audiences/compiler` gives the same verdict in SQL; a Hypothesis test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from engine.conditions.describing import sentence_of
from engine.conditions.evidence import Evidence, Verdict, iso, moment_after
from engine.conditions.instants import micros_of
from engine.conditions.nodes import (
    AllNode,
    AnyNode,
    AudienceNode,
    Child,
    Condition,
    Constant,
    ConstantList,
    Duration,
    EventNode,
    Instant,
    Node,
    NotNode,
    ParentProperty,
    Presence,
    Test,
    TraitNode,
    TraitValue,
)
from engine.conditions.operators import RELATIVE_DATES, Outcome, apply, look_up, relative_interval
from engine.conditions.profile_state import KNOWN_IDENTIFIERS, EventRecord, Options, ProfileState
from engine.conditions.windows import Life, life_in, next_flip, satisfies

MOST_EVENTS_SHOWN = 10
NO_OPTIONS = Options()
Found = list[tuple[EventRecord, Life]]


def evaluate(condition: Condition, profile: ProfileState, now: datetime, options: Options = NO_OPTIONS) -> Verdict:
    """Whether the profile belongs at `now` (aware), until when at least, and why. Pure; never raises on odd data."""
    evidence, flips_at = _Evaluation(profile, now, options).node(condition.where, "/where")
    if condition.collection == "users" and not options.include_anonymous and not _is_known(profile):
        return Verdict(
            is_member=False,
            recheck_at=None,
            evidence=Evidence(
                path="",
                sentence="is not anonymous",
                holds=False,
                changes_at=None,
                facts={"missing": list(KNOWN_IDENTIFIERS)},
                children=(evidence,),
            ),
        )
    return Verdict(is_member=evidence.holds, recheck_at=moment_after(now, flips_at), evidence=evidence)


def predict_flip(
    condition: Condition, profile: ProfileState, now: datetime, options: Options = NO_OPTIONS, *, steps: int = 1_000
) -> datetime | None:
    """The instant at which the verdict becomes another if nothing new happens; None if never (within `steps` looks)."""
    first = evaluate(condition, profile, now, options)
    at = first.recheck_at
    for _ in range(steps):
        if at is None:
            return None
        verdict = evaluate(condition, profile, at, options)
        if verdict.is_member is not first.is_member:
            return at
        at = verdict.recheck_at
    return None


def _is_known(profile: ProfileState) -> bool:
    return any(profile.identifiers.get(kind) for kind in KNOWN_IDENTIFIERS)


class _Evaluation:
    def __init__(self, profile: ProfileState, now: datetime, options: Options) -> None:
        self.profile = profile
        self.moment = now
        self.now = micros_of(now)
        self.events = [event for event in profile.events if _counts(event, options)]

    def node(self, node: Node, path: str) -> tuple[Evidence, int | None]:
        if isinstance(node, AllNode | AnyNode):
            return self._group(node, path)
        if isinstance(node, NotNode):
            evidence, flips_at = self.node(node.child, f"{path}/not")
            return self._evidence(node, path, Outcome(not evidence.holds, flips_at), {}, (evidence,))
        if isinstance(node, EventNode):
            return self._event(node, path)
        if isinstance(node, TraitNode):
            value = look_up(self.profile.traits, node.test.path)
            outcome = self._test(node.test, value, None)
            return self._evidence(node, path, outcome, {"value": value, "isMissing": value is None})
        if isinstance(node, AudienceNode):
            is_in = node.audience in self.profile.memberships
            return self._evidence(node, path, Outcome(is_in is node.member), {"isMember": is_in})
        values = list(self.profile.identifiers.get(node.identifier, ()))
        return self._evidence(node, path, Outcome(bool(values) is node.exists), {"values": values})

    def _evidence(
        self, node: Node, path: str, outcome: Outcome, facts: dict[str, Any], children: tuple[Evidence, ...] = ()
    ) -> tuple[Evidence, int | None]:
        evidence = Evidence(
            path=path,
            sentence=sentence_of(node),
            holds=outcome.holds,
            changes_at=moment_after(self.moment, outcome.flips_at),
            facts=facts,
            children=children,
        )
        return evidence, outcome.flips_at

    def _group(self, node: AllNode | AnyNode, path: str) -> tuple[Evidence, int | None]:
        is_all = isinstance(node, AllNode)
        key = "all" if is_all else "any"
        found = [self.node(child, f"{path}/{key}/{index}") for index, child in enumerate(node.children)]
        holds = all(child.holds for child, _ in found) if is_all else any(child.holds for child, _ in found)
        if holds is is_all:
            flips = [flip for _, flip in found if flip is not None]
            flips_at = min(flips, default=None)
        else:
            # Decided by some children alone: it stays until the last of those changes.
            deciding = [flip for child, flip in found if child.holds is not is_all]
            flips_at = None if None in deciding else max(flip for flip in deciding if flip is not None)
        return self._evidence(node, path, Outcome(holds, flips_at), {}, tuple(child for child, _ in found))

    def _event(self, node: EventNode, path: str) -> tuple[Evidence, int | None]:
        found = self._lives(node)
        inside = [
            event for event, life in found if life.start <= self.now and (life.end is None or self.now < life.end)
        ]
        lives = [life for _, life in found]
        outcome = Outcome(satisfies(node.count, len(inside)), next_flip(node.count, lives, self.now))
        newest = sorted(inside, key=lambda event: (event.timestamp, event.id), reverse=True)
        facts: dict[str, Any] = {
            "count": len(inside),
            "wanted": {node.count.operator: node.count.number},
            "events": [{"id": event.id, "timestamp": iso(event.timestamp)} for event in newest[:MOST_EVENTS_SHOWN]],
        }
        return self._evidence(node, path, outcome, facts)

    def _lives(self, node: EventNode) -> Found:
        found: Found = []
        for event in self.events:
            if not self._matches(event, node.type, node.name, node.properties, None):
                continue
            life = life_in(node.window, micros_of(event.timestamp))
            for test in node.properties:
                if life is not None and test.operator in RELATIVE_DATES:
                    life = _narrowed(life, test, event)
            if life is not None and node.then is not None:
                life = self._followed(event, life, node.then)
            if life is not None and (life.end is None or life.start < life.end):
                found.append((event, life))
        return found

    def _followed(self, parent: EventRecord, life: Life, child: Child) -> Life | None:
        start = micros_of(parent.timestamp)
        end = start + child.duration.micros
        followers = [
            micros_of(event.timestamp)
            for event in self.events
            if start < micros_of(event.timestamp) <= end
            and self._matches(event, child.type, child.name, child.properties, parent)
        ]
        if child.performed:
            return Life(max(life.start, min(followers)), life.end) if followers else None
        return None if followers else Life(max(life.start, end), life.end)

    def _matches(
        self, event: EventRecord, kind: str, name: str | None, tests: tuple[Test, ...], parent: EventRecord | None
    ) -> bool:
        if event.type != kind or (name is not None and event.name != name):
            return False
        return all(
            test.operator in RELATIVE_DATES or self._test(test, _property(event, test.path), parent).holds
            for test in tests
        )

    def _test(self, test: Test, value: Any, parent: EventRecord | None) -> Outcome:
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
                return look_up(self.profile.traits, operand.path)
            case ParentProperty():
                return None if parent is None else _property(parent, operand.path)


def _narrowed(life: Life, test: Test, event: EventRecord) -> Life | None:
    """A relative date test lets the event count only during its own interval."""
    if not isinstance(test.operand, Duration):
        return None
    interval = relative_interval(test.operator, _property(event, test.path), test.operand.micros)
    if interval is None:
        return None
    first, end = interval
    ends = [instant for instant in (life.end, end) if instant is not None]
    return Life(life.start if first is None else max(life.start, first), min(ends, default=None))


def _counts(event: EventRecord, options: Options) -> bool:
    if options.historical_from is not None and event.received_at < options.historical_from:
        return False
    return options.occurred_from is None or event.timestamp >= options.occurred_from


def _property(event: EventRecord, path: tuple[str, ...]) -> Any:
    # Page and screen names are offered as properties of their own (audiences-and-traits.md §3.1).
    if path == (f"{event.type}_name",) and event.type != "track":
        return event.name or None
    properties: Mapping[str, Any] = event.properties
    return look_up(properties, path)
