"""The verdict on one profile in memory, with evidence: for explain, tests and simulation.

`audiences/compiler` gives the same verdict in SQL; a Hypothesis test holds the two together.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from engine.conditions.describing import sentence_of
from engine.conditions.evidence import Evidence, Verdict, iso, moment_after
from engine.conditions.instants import micros_of
from engine.conditions.matching import Matcher, is_named, life_after
from engine.conditions.nodes import (
    AllNode,
    AnyNode,
    AudienceNode,
    Child,
    Condition,
    EventNode,
    JourneyStepNode,
    Node,
    NotNode,
    TraitNode,
    UsersNode,
)
from engine.conditions.operators import Elements, Outcome, look_up
from engine.conditions.profile_state import KNOWN_IDENTIFIERS, EventRecord, Options, ProfileState
from engine.conditions.windows import Life, next_flip, satisfies

MOST_EVENTS_SHOWN = 10
MOST_USERS_SHOWN = 5
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
        self.options = options
        self.now = micros_of(now)
        self.matcher = Matcher(profile.traits, self.now)
        self.events = [event for event in profile.events if _counts(event, options)]

    def node(self, node: Node, path: str) -> tuple[Evidence, int | None]:  # noqa: PLR0911 - one a kind of node
        if isinstance(node, AllNode | AnyNode):
            return self._group(node, path)
        if isinstance(node, NotNode):
            evidence, flips_at = self.node(node.child, f"{path}/not")
            return self._evidence(node, path, Outcome(not evidence.holds, flips_at), {}, (evidence,))
        if isinstance(node, EventNode):
            return self._event(node, path)
        if isinstance(node, TraitNode):
            value = look_up(self.profile.traits, node.test.path)
            outcome = self.matcher.test(node.test, value, None)
            is_missing = not value if isinstance(value, Elements) else value is None
            shown = list(value) if isinstance(value, Elements) else value
            return self._evidence(node, path, outcome, {"value": shown, "isMissing": is_missing})
        if isinstance(node, AudienceNode | JourneyStepNode):
            name = node.audience if isinstance(node, AudienceNode) else node.step
            is_in = name in self.profile.memberships
            return self._evidence(node, path, Outcome(is_in is node.member), {"isMember": is_in})
        if isinstance(node, UsersNode):
            return self._users(node, path)
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
        return self._evidence(node, path, _decided(found, is_all=is_all), {}, tuple(child for child, _ in found))

    def _users(self, node: UsersNode, path: str) -> tuple[Evidence, int | None]:
        """The evidence of the users that decide comes first, and of a few only."""
        inner = path if node.is_implied else f"{path}/match"
        found = [
            (user.name, *_Evaluation(user, self.moment, self.options).node(node.match, inner))
            for user in self.profile.users
        ]
        is_all = node.quantifier == "all"
        outcome = (
            _decided([(evidence, flip) for _, evidence, flip in found], is_all=is_all) if found else Outcome(False)
        )
        if node.quantifier == "none":
            outcome = Outcome(not outcome.holds, outcome.flips_at)
        shown = sorted(found, key=lambda one: one[1].holds is is_all)[:MOST_USERS_SHOWN]
        facts = {
            "quantifier": node.quantifier,
            "users": len(found),
            "matching": sum(1 for _, evidence, _ in found if evidence.holds),
            "shown": [name for name, _, _ in shown],
        }
        return self._evidence(node, path, outcome, facts, tuple(evidence for _, evidence, _ in shown))

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
            life = self.matcher.life(event, node)
            if life is not None and node.then is not None:
                life = self._followed(event, life, node.then)
            if life is not None:
                found.append((event, life))
        return found

    def _followed(self, parent: EventRecord, life: Life, child: Child) -> Life | None:
        start = micros_of(parent.timestamp)
        followers = [
            micros_of(event.timestamp)
            for event in self.events
            if start < micros_of(event.timestamp) <= start + child.duration.micros
            and is_named(event, child.type, child.name)
            and self.matcher.passes(event, child.properties, parent)
        ]
        return life_after(life, start, child, min(followers, default=None))


def _decided(found: list[tuple[Evidence, int | None]], *, is_all: bool) -> Outcome:
    """AND or OR over parts, and until when it stays."""
    holds = all(child.holds for child, _ in found) if is_all else any(child.holds for child, _ in found)
    if holds is is_all:
        return Outcome(holds, min((flip for _, flip in found if flip is not None), default=None))
    # Decided by some parts alone: it stays until the last of those changes.
    deciding = [flip for child, flip in found if child.holds is not is_all]
    return Outcome(holds, None if None in deciding else max(flip for flip in deciding if flip is not None))


def _counts(event: EventRecord, options: Options) -> bool:
    if options.historical_from is not None and event.received_at < options.historical_from:
        return False
    return options.occurred_from is None or event.timestamp >= options.occurred_from
